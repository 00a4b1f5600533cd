# SPDX-License-Identifier: ISC
"""Mirrors that show only what servers say: a session from its SYN-ACK, one from the middle on, a refused greeting, STARTTLS.

To whom a bare 250 answers cannot be read without commands, but 2.1.5 and 5.1.1 are said only of recipients (RFC 3463), and the
250 behind a 354 is the message's: the first two sessions tell one message, two recipients taken and one refused each, which is
what was sent.  The third begins with a SYN-ACK, so its 554 is a greeting, and a session; the fourth is the same without the
SYN-ACK, where 554 may as well answer a command that nobody saw: it does not count.  The fifth is a session inside TLS."""
import sys

from capture import SERVER, Capture

cap = Capture()


def session(*, skip=0, port=25, greeting=None, tls=False):
    start = len(cap.packets)
    t = cap.tcp(server_port=port)
    t.open()
    if greeting is not None:
        t.server(greeting + "\r\n")
        t.quit()
    else:
        t.greet(("STARTTLS",))
        if tls:
            t.say("STARTTLS", "220 2.0.0 ready")
            t.client(b"\x16\x03\x01\x00\x05hello")
            t.server(b"\x16\x03\x03\x00\x05hello" + b"\x17\x03\x03\x00\x20" + bytes(32))
            t.close()
        else:
            t.message(["a@one.example", "b@two.example"])
            t.say("RCPT TO:<c@two.example>", "550 5.1.1 no such user")
            t.quit()
    cap.packets[start:] = [p for p in cap.packets[start:] if p.sender == SERVER][skip:]
    cap.time += 60


session()
session(skip=6)
session(greeting="554 5.7.1 go away")
session(greeting="554 5.7.1 go away", skip=1)
session(tls=True)
cap.write(sys.argv[1])

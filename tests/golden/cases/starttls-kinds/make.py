# SPDX-License-Identifier: ISC
"""STARTTLS: taken after a mail in the clear; refused and gone on; taken, and the client speaks on in the clear (a broken one: nothing counts); syntax error.

Counted: one message in the clear before TLS, and one behind each refusal; nothing behind a 220, whatever it looks like."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet(("STARTTLS",))
t.message(["a@one.example"])
t.say("STARTTLS", "220 2.0.0 ready")
t.client(b"\x16\x03\x01\x00\x05hello")
t.server(b"\x16\x03\x03\x00\x05hello")
t.client(b"\x17\x03\x03\x00\x20" + b"MAIL FROM:<x@y.z>\r\nRCPT TO:<a@b>"[:32])
t.close()
for refusal in ("454 4.7.0 TLS not available", "501 5.5.4 no parameters"):
    t = cap.tcp()
    t.open()
    t.greet(("STARTTLS",))
    t.say("STARTTLS", refusal)
    t.message(["b@one.example"])
    t.quit()
t = cap.tcp()
t.open()
t.greet(("STARTTLS",))
t.client("STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n")
t.server("220 2.0.0 ready\r\n")
t.client("RCPT TO:<a@one.example>\r\n")
t.close()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""One packet missing from the capture, each time another one: of the client's 15 with text, then of the server's 13, in the same dialogue; and the dialogue whole, behind either.

Sent and taken were in each of the 30 sessions 2 messages, 2 recipients, and 1 recipient was refused.  Replies are the truth: a
lost command changes nothing, what was answered was asked.  A lost reply takes with it what it said: two are about messages,
two accept a recipient, one refuses one.  So 58 messages, 58 recipients taken, 29 refused, and 28 gaps."""
import sys

from capture import CLIENT, SERVER, Capture

cap = Capture()


def session(side, lose):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 900)
    t.say("RSET", "250 2.0.0 Ok")
    t.envelope(["b@two.example"])
    t.say("RCPT TO:<nobody@two.example>", "550 5.1.1 no such user")
    t.say("DATA", "354 go ahead")
    t.client("Subject: y\r\n\r\ny\r\n.\r\n")
    t.server("250 2.0.0 queued\r\n")
    t.quit()
    words = [p for p in cap.packets[start:] if p.sender == side and len(p.ip) > 40]
    lost = words[lose] if lose < len(words) else None
    cap.packets[start:] = [p for p in cap.packets[start:] if p is not lost]
    cap.time += 60
    return lost is not None


for side in (CLIENT, SERVER):
    lose = 0
    while session(side, lose):
        lose += 1
cap.write(sys.argv[1])

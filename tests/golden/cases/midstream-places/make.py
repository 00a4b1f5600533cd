# SPDX-License-Identifier: ISC
"""The capture begins in the reply to EHLO, before MAIL, after RCPT, after DATA, in the body, after a message.

Counted: the first and second session have a's RCPT and message; the third to fifth a's message without its RCPT, and b whole;
the sixth b alone. Six recipients, nine messages."""
import sys

from capture import *

cap = Capture()
for skip in range(6):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    marks = []
    t.greet()
    marks.append(len(cap.packets) - 2)
    marks.append(len(cap.packets))
    t.envelope(["a@one.example"])
    marks.append(len(cap.packets))
    t.say("DATA", "354 go")
    marks.append(len(cap.packets))
    t.client("Subject: x\r\n\r\n" + "text\r\n" * 1000)
    marks.append(len(cap.packets) - 3)
    t.client(".\r\n")
    t.server("250 2.0.0 queued\r\n")
    marks.append(len(cap.packets))
    if skip > 1:
        t.message(["b@one.example"])
    t.quit()
    cap.packets = cap.packets[:start] + cap.packets[marks[skip]:]
cap.write(sys.argv[1])

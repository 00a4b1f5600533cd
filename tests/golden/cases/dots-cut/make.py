# SPDX-License-Identifier: ISC
"""Stuffed dots and the end of data, cut at each of their bytes, in short messages and in ones of several full segments; the next mail or QUIT stands right behind the end.

Counted: one message and one recipient for every place of the cut (RFC 5321 4.5.2): stuffed dots end nothing, wherever a segment does."""
import sys

from capture import *

cap = Capture()
for head in ("Subject: x\r\n\r\n", "Subject: x\r\n\r\n" + "A line of a long text, of the length that lines of a text have.\r\n" * 60):
    t = cap.tcp()
    t.open()
    t.greet()
    dots = "..\r\n...\r\n..QUIT\r\n.. \r\n.\rx\r\n..\r\n.\r\n"
    text = head + dots
    for at in range(len(head) - 2, len(text) + 1):
        t.envelope([f"b{at}@one.example"])
        t.say("DATA", "354 go")
        t.client(text[:at])
        t.client(text[at:] + f"MAIL FROM:<c@example.org>\r\nRCPT TO:<d{at}@two.example>\r\nDATA\r\n")
        t.server("250 2.0.0 queued\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
        t.client(text[:at], 700)
        t.client(text[at:] + "RSET\r\n")
        t.server("250 2.0.0 queued\r\n250 2.0.0 flushed\r\n")
    t.quit()
cap.write(sys.argv[1])

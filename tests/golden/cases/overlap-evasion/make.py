# SPDX-License-Identifier: ISC
"""Retransmissions that overlap, differ from what came first, come late, or are cut otherwise: each byte once, the first wins.

Counted: a is accepted, b refused, z was never delivered."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.say("MAIL FROM:<a@example.org>", "250 ok")
at = t.seq[CLIENT]
t.segment(CLIENT, b"RCPT TO:<a@one.e", seq=at)
t.segment(CLIENT, b"XXXXXXXXXXXXX", seq=at)
t.segment(CLIENT, b".example>\r\nRCPT TO:<b@o", seq=at + 14)
t.segment(CLIENT, b"xample>\r\nRCPT TO:<b@one.example>\r\n", seq=at + 16)
t.seq[CLIENT] = at + 16 + len(b"xample>\r\nRCPT TO:<b@one.example>\r\n")
t.segment(SERVER)
t.server("250 ok\r\n550 no\r\n")
t.segment(CLIENT, b"RCPT TO:<z@one.example>\r\n", seq=at - 20)
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("250 queued\r\n")
t.quit()
cap.write(sys.argv[1])

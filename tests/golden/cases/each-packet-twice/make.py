# SPDX-License-Identifier: ISC
"""Every packet twice, as a capture of two interfaces or of a mirror of both ports has it.

Counted: the copy is a retransmission; two sessions of one message, two recipients taken, one refused each."""
import sys

from capture import *

cap = Capture()
for port in (25, 587):
    t = cap.tcp(server_port=port)
    t.open()
    t.greet()
    t.say("MAIL FROM:<a@example.org>", "250 2.1.0 ok")
    t.client("RCPT TO:<b@one.example>\r\nRCPT TO:<c@one.example>\r\nRCPT TO:<d@one.example>\r\nDATA\r\n")
    t.server("250 2.1.5 ok\r\n550 5.1.1 no\r\n250 2.1.5 ok\r\n354 go\r\n")
    t.client("Subject: x\r\n\r\ny\r\n.\r\n")
    t.server("250 2.0.0 queued\r\n")
    t.quit()
cap.packets = [p.copy(time=p.time + late) for p in cap.packets for late in (0, 0.00001)]
cap.write(sys.argv[1])

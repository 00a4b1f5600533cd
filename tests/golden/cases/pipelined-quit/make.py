# SPDX-License-Identifier: ISC
"""The end of data, the next envelope and QUIT in one packet (RFC 2920 3.1), and all replies in one."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
envelope = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@one.example>\r\nRCPT TO:<c@one.example>\r\nDATA\r\n"
t.client(envelope)
t.server("250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
t.client("Subject: x\r\n\r\ny\r\n.\r\n" + envelope)
t.server("250 2.0.0 queued\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
t.client("Subject: y\r\n\r\nz\r\n.\r\nQUIT\r\n")
t.server("250 2.0.0 queued\r\n221 bye\r\n")
t.close()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""A client that waits for nothing: the whole session, body too, in one packet before the greeting."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.client("EHLO vm\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@one.example>\r\nDATA\r\nSubject: x\r\n\r\n"
         "RCPT TO:<not@a.command>\r\n.\r\nQUIT\r\n")
t.server("220 mx\r\n")
t.server("250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n")
t.close()
cap.write(sys.argv[1])

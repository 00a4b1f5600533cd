# SPDX-License-Identifier: ISC
"""RSET, NOOP and QUIT in pipelines: between envelopes, behind recipients, behind a refused DATA, behind the end of a message with the next envelope.

Counted: every RCPT that has 250 (a to e, g, h), f refused; messages are c, e and g's: RSET takes envelopes back, not what was answered."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
mail, rcpt = "MAIL FROM:<x@example.org>\r\n", "RCPT TO:<{}@one.example>\r\n".format
t.client(mail + rcpt("a") + "RSET\r\n" + mail + rcpt("b") + "RSET\r\nNOOP\r\nRSET\r\n" + mail + rcpt("c") + "DATA\r\n")
t.server("250 ok\r\n" * 10 + "354 go\r\n")
t.client("Subject: x\r\n\r\nRSET\r\n.\r\nRSET\r\n" + mail + rcpt("d") + "RSET\r\n" + mail + rcpt("e") + "DATA\r\n")
t.server("250 queued\r\n" + "250 ok\r\n" * 6 + "354 go\r\n")
t.client("Subject: x\r\n\r\ntext\r\n.\r\n" + mail + rcpt("f") + "DATA\r\nRSET\r\n" + mail + rcpt("g") + "DATA\r\n")
t.server("250 queued\r\n250 ok\r\n550 no\r\n503 none\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
t.client("Subject: x\r\n\r\ntext\r\n.\r\n" + mail + rcpt("h") + "RSET\r\nQUIT\r\n")
t.server("250 queued\r\n" + "250 ok\r\n" * 3 + "221 bye\r\n")
t.close()
cap.write(sys.argv[1])

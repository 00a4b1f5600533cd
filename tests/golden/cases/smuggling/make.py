# SPDX-License-Identifier: ISC
"""A second mail hidden in the body of the first behind an end of data that is none: LF.LF, LF.CRLF, CR.CR, CRLF.LF, LF.CR, CR.CRLF and more ("SMTP smuggling", CVE-2023-51764), read by servers that keep to RFC 5321.

Counted: one message and one recipient each, as CRLF.CRLF and nothing else ends the data (RFC 5321 4.1.1.4; 2.3.8: CR and
LF are only sent together), and the server answers once.  A server that takes another end: smuggling-taken."""
import sys

from capture import *

hidden = "MAIL FROM:<hidden@example.org>\r\nRCPT TO:<b@two.example>\r\nDATA\r\nSubject: y\r\n\r\nsecond"
cap = Capture()
for end in ("\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\n.\r", "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n", "\r\r\n.\r\r\n", "\r\n..\r\n"):
    t = cap.tcp()
    t.open()
    t.greet()
    t.message(["a@one.example"], "Subject: x\r\n\r\nfirst" + end + hidden + "\r\n")
    t.quit()
cap.write(sys.argv[1])

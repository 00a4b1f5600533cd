# SPDX-License-Identifier: ISC
"""A server that does not keep to RFC 5321: it takes CRLF.LF for the end of the data, and obeys what was hidden behind it in the body (CVE-2023-51764).

Counted: what was delivered, which is what the replies say: two messages that the server took, of two recipients."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.envelope(["a@one.example"])
t.say("DATA", "354 go ahead")
t.client("Subject: x\r\n\r\nfirst\r\n.\nMAIL FROM:<hidden@example.org>\r\nRCPT TO:<b@two.example>\r\nDATA\r\n"
         "Subject: y\r\n\r\nsecond\r\n.\r\n")
t.server("250 2.0.0 queued\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""The end of the data in the middle of a full segment, the next mail behind it with BDAT, whose chunk ends the segment: nothing at the segment's end says that there was a command in it.

Counted: every mail and its recipients.  Of the first envelope hidden so the replies' codes (RFC 3463: 2.1.5 is of a recipient, 2.0.0 queued is a message) are all there is; from then on this client's segments are read whole, and replies without codes do."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
hidden = "MAIL FROM:<x@example.org>\r\nRCPT TO:<b@one.example>\r\nRCPT TO:<c@one.example>\r\nBDAT 300 LAST\r\n" + "binary\0" * 42 + "\0\0\0\0\0\0"
text = "Subject: x\r\n\r\n" + "A line of a long text, of the length that lines of a text have.\r\n" * 90
t.envelope(["a@one.example"])
t.say("DATA", "354 go")
t.client(text + ".\r\n" + hidden)
t.server("250 2.0.0 queued\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no\r\n250 2.0.0 queued\r\n")
for n in range(3):
    t.say("MAIL FROM:<x@example.org>", "250 ok")
    t.say(f"RCPT TO:<d{n}@one.example>", "250 ok")
    t.say("DATA", "354 go")
    t.client(text + ".\r\n" + hidden)
    t.server("250 done\r\n250 ok\r\n250 ok\r\n550 no\r\n250 done\r\n")
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""A reply to a pipeline, and one of several lines, cut at every one of their bytes, two segments each time.

Counted: of each pipeline one recipient is accepted, one refused and one deferred, wherever the cut was; then one message."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
replies = b"250 2.1.0 ok\r\n250-2.1.5 yes\r\n250-\r\n250 ok\r\n550-5.1.1 no such\r\n550 5.1.1 user\r\n450 4.2.1 later\r\n"
done = b"250-2.0.0 thanks\r\n250 2.0.0 queued as 1\r\n"
for at in range(1, len(replies)):
    t.client("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@one.example>\r\nRCPT TO:<c@one.example>\r\n"
             "RCPT TO:<d@one.example>\r\n")
    t.server(replies[:at])
    t.server(replies[at:])
    cut = at % (len(done) - 1) + 1
    t.say("DATA", "354 go")
    t.client("Subject: x\r\n\r\ntext\r\n.\r\n")
    t.server(done[:cut])
    t.server(done[cut:])
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""Every byte of both sides in a segment of its own: no parser may look at segments.

Counted: two recipients have 250, one has 550, one message."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.mss = 1
t.open()
t.greet()
t.envelope(["a@one.example", "b@two.example"])
t.say("RCPT TO:<nobody@two.example>", "550-5.1.1 no such\r\n550 5.1.1 user")
t.say("DATA", "354 go ahead")
t.client("Subject: x\r\n\r\ntext\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""8BITMIME and worse: all 256 byte values in a body, lines of 50,000 bytes, text that looks like commands and replies."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.say("MAIL FROM:<a@example.org> BODY=8BITMIME", "250 ok")
t.say("RCPT TO:<b@one.example>", "250 ok")
t.say("DATA", "354 go")
t.client(b"Subject: x\r\n\r\n" + bytes(range(256)) * 8 + b"\r\n" + b"z" * 50000 + b"\r\nQUIT\r\nMAIL FROM:<x@y.z>\r\n"
         + b"250 2.0.0 queued\r\n\r.\r\n.\n\n.\r\r\n\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.message(["c@one.example"])
t.quit()
cap.write(sys.argv[1])

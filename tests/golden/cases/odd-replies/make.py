# SPDX-License-Identifier: ISC
"""Replies without text, with a tab, cut within the code, with empty lines between, of very long lines; codes that change.

Counted: 251 and 250 are accepted, with or without text; 550 is refused and 450 deferred, once each however many lines."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220\r\n")
t.say("EHLO vm", "250-mx\r\n250-" + "X" * 3000 + "\r\n250")
t.client("MAIL FROM:<a@example.org>\r\n")
t.server("2")
t.server("50 ok\r\n")
t.say("RCPT TO:<a@one.example>", "251 will forward to <x@two.example>")
t.say("RCPT TO:<b@one.example>", "\r\n250\tok")
t.say("RCPT TO:<c@one.example>", "550-no\r\n550-" + "such " * 300 + "\r\n550 user")
t.say("RCPT TO:<d@one.example>", "450-4.2.0 later\r\n450 4.2.0")
t.say("RCPT TO:<e@one.example>", "250 " + "y" * 2000)
t.say("DATA", "354-go\r\n354 on")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("250-2.0.0 queued\r\n250 2.0.0 as 1\r\n")
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""Commands are not case-sensitive (RFC 5321 2.4); blanks stand where some clients put them."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220 mx\r\n")
t.say("ehlo vm.example.org", "250-mx\r\n250-pipelining\r\n250 help")
t.say("Mail From: <a@example.org> size=10", "250 ok")
t.say("rcpt  to : <b@one.example>", "250 ok")
t.say("data", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("250 queued\r\n")
t.say("quit", "221 bye")
t.close()
cap.write(sys.argv[1])

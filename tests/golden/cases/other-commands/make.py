# SPDX-License-Identifier: ISC
"""VRFY, EXPN, ETRN, HELP, NOOP with text, nonsense, an empty line: each has one reply, some of many lines.

Counted: the only RCPT is the one of the message; NOOP's text and RCPTTO are none."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.say("VRFY root", "252 2.0.0 cannot say")
t.say("EXPN staff", "250-<a@one.example>\r\n250-<b@one.example>\r\n250 <c@one.example>")
t.say("ETRN example.org", "253 node example.org started")
t.say("HELP MAIL", "214-MAIL FROM:\r\n214-\r\n214 end")
t.say("NOOP RCPT TO:<a@one.example>", "250 2.0.0 ok")
t.say("", "500 5.5.2 bad syntax")
t.say("WIZ", "502 5.5.2 you are none")
t.say("\x01\xff\x80binary", "500 5.5.2 bad syntax")
t.say("RCPTTO:<a@one.example>", "500 5.5.2 bad syntax")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

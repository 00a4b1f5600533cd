# SPDX-License-Identifier: ISC
"""HELO and EHLO again and again: before mail, within an envelope (which they end), refused (which they do not), with XCLIENT and XFORWARD between, without a name, with 500 bytes of one.

Counted: a's and d's RCPT, b's (its envelope is dropped by EHLO), c's (behind a refused EHLO the envelope stands) and e's; messages are a, c, d and e."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet(("XCLIENT NAME ADDR", "XFORWARD NAME ADDR"))
body = "Subject: x\r\n\r\ntext\r\n.\r\n"
for n in range(20):
    t.say(f"{'EHLO' if n % 2 else 'HELO'} host{n}.example.org", "250 mx")
t.say("HELO", "501 5.5.4 a name is missing")
t.say("EHLO " + "x" * 500, "250-mx\r\n250 HELP")
t.message(["a@one.example"])
t.envelope(["b@one.example"])
t.say("EHLO again.example.org", "250 mx")
t.say("DATA", "503 5.5.1 need MAIL")
t.envelope(["c@one.example"])
t.say("EHLO ?", "501 5.5.4 bad name")
t.say("DATA", "354 go")
t.client(body)
t.server("250 2.0.0 queued\r\n")
t.say("XFORWARD NAME=spike.example ADDR=192.0.2.9", "250 2.0.0 ok")
t.message(["d@one.example"])
t.say("XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.10 RCPT=x", "501 5.5.4 bad attribute")
t.say("XCLIENT ADDR=192.0.2.11", "220-mx\r\n220 ESMTP")
t.client("EHLO a.example.org\r\nEHLO b.example.org\r\nHELO c.example.org\r\n")
t.server("250-mx\r\n250 HELP\r\n250-mx\r\n250 HELP\r\n250 mx\r\n")
t.message(["e@one.example"])
t.quit()
cap.write(sys.argv[1])

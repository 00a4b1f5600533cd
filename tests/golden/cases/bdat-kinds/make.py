# SPDX-License-Identifier: ISC
"""BDAT: zero, split, LAST of zero bytes, bytes that look like commands, pipelined with the next mail, given up by RSET, refused while its bytes arrive all the same, malformed (RFC 3030).

Counted: a, b, c and e of the first session, g of the second, i of the third are messages; every RCPT has 250, nine in all.
The 250 to a chunk without LAST, to RSET, and the 503 to BDAT without recipients are none."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
body = b"Subject: x\r\n\r\nQUIT\r\n.\r\nMAIL FROM:<x@y.z>\r\n"
t.envelope(["a@one.example"])
t.client(b"BDAT 0\r\n")
t.server("250 2.0.0 0 bytes\r\n")
t.client(b"BDAT %d\r\n" % len(body) + body[:10])
t.client(body[10:])
t.server("250 2.0.0 ok\r\n")
t.client(b"BDAT 0 LAST\r\n")
t.server("250 2.0.0 queued\r\n")
t.client(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@one.example>\r\nBDAT %d LAST\r\n" % len(body) + body
         + b"MAIL FROM:<a@example.org>\r\nRCPT TO:<c@one.example>\r\nbdat %d last\r\n" % len(body) + body)
t.server("250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued\r\n")
t.envelope(["d@one.example"])
t.client(b"BDAT 10\r\n0123456789")
t.server("250 2.0.0 ok\r\n")
t.say("RSET", "250 2.0.0 reset")
t.message(["e@one.example"])
t.quit()
t = cap.tcp()
t.open()
t.greet()
t.client(b"BDAT %d LAST\r\n" % len(body) + body)
t.server("503 5.5.1 need RCPT\r\n")
t.envelope(["f@one.example"])
t.client(b"BDAT %d LAST\r\n" % len(body) + body)
t.server("552 5.3.4 too big\r\n")
t.message(["g@one.example"])
t.quit()
t = cap.tcp()
t.open()
t.greet()
t.envelope(["h@one.example"])
for bad in ("BDAT", "BDAT x", "BDAT -5 LAST", "BDAT 99999999999999999999 LAST", "BDAT 10 FIRST", "BDAT LAST"):
    t.say(bad, "501 5.5.4 syntax")
t.say("RSET", "250 ok")
t.envelope(["i@one.example"])
t.client(b"BDAT 5\r\nSubje")
t.server("250 ok\r\n")
t.say("DATA", "503 5.5.1 bad sequence") # mixing is refused
t.client(b"BDAT 7 LAST\r\nct: x\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

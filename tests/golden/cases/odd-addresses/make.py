# SPDX-License-Identifier: ISC
"""Null sender, no brackets, source route, quoted local part with blank and >, literals, UTF-8, parameters, postmaster.

Counted: nine RCPT have 250, however they write the address."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.say("MAIL FROM:<> BODY=8BITMIME SMTPUTF8", "250 ok")
for to in ("<a@one.example>", "b@one.example", " <c@one.example> NOTIFY=NEVER", "<@relay.example:d@one.example>",
           '<"e > f"@one.example>', "<g@[192.0.2.1]>", "<h@[IPv6:2001:db8::1]>", "<й@пример.example>", "<Postmaster>"):
    t.say("RCPT TO:" + to, "250 2.1.5 ok")
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

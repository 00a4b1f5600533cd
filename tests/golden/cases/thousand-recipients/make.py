# SPDX-License-Identifier: ISC
"""1,000 recipients of one message, asked for one by one, written in ten ways: brackets, none, source routes, quotes with blanks, brackets and @ in them, SMTPUTF8, lower case, blanks and tabs around the colon, parameters.

Counted: each RCPT is accepted but every tenth (refused), of four domains, however they are written."""
import sys

from capture import *

ways = ("RCPT TO:<{0}@{1}>", "rcpt to:<{0}@{1}>", "Rcpt To : {0}@{1}", "RCPT TO:<@relay.example,@two.relay.example:{0}@{1}>",
        'RCPT TO:<"{0} > <@other.example"@{1}>', 'RCPT TO:<"{0}\\"@{1}"@{1}>', "RCPT  TO\t:\t<{0}\u0439\u00fc@{1}> NOTIFY=NEVER",
        "RCPT TO: < {0}@{1} >", "rCPT tO:<{0}+tag=@{1}.>", "RCPT TO:<{0}@{1}> ORCPT=rfc822;x@other.example")
cap = Capture()
t = cap.tcp()
t.open()
t.greet(("PIPELINING", "SMTPUTF8", "DSN"))
t.say("mail  from\t: <a@example.org> smtputf8 size=99", "250 2.1.0 ok")
for n in range(1000):
    way = ways[n // 10 % len(ways)].format(f"user{n}", ("one.example", "two.example", "THREE.example", "\u043f\u0440\u0438\u043c\u0435\u0440.example")[n % 4])
    t.say(way, "550 5.1.1 no" if n % 10 == 9 else "250 2.1.5 ok")
t.say("data", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

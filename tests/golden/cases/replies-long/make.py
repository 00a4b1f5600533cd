# SPDX-License-Identifier: ISC
"""Replies of 1,000 lines (greeting, EHLO, a refusal, the end of a message), each also with 8-bit words; banners of 8-bit bytes, without a word, and of nothing but a hyphen.

Counted: a reply is one answer however many lines it has (RFC 5321 4.2.1): b is refused once, the rest is accepted, five messages."""
import sys

from capture import *


def lines(code, last, n=1000):
    return "".join(f"{code}-line {i} \u00e9\u20ac RCPT 250 ok\r\n" for i in range(n - 1)) + f"{code} {last}"


cap = Capture()
t = cap.tcp()
t.open()
t.server(lines(220, "mx.example.net ESMTP") + "\r\n")
t.say("EHLO vm.example.org", lines(250, "PIPELINING"))
t.say("MAIL FROM:<news@example.org>", lines(250, "2.1.0 Ok"))
t.say("RCPT TO:<a@one.example>", lines(250, "2.1.5 Ok"))
t.say("RCPT TO:<b@one.example>", lines(550, "5.1.1 no such user"))
t.say("DATA", lines(354, "go"))
t.client("Subject: x\r\n\r\ntext\r\n.\r\n")
t.server(lines(250, "2.0.0 queued") + "\r\n")
t.quit()
for banner in (b"220 \xff\xfe\x80\r\n", b"220\r\n", b"220 \r\n", b"220-\r\n220-\r\n220 \r\n"):
    t = cap.tcp()
    t.open()
    t.server(banner)
    t.say("EHLO vm.example.org", "250")
    t.message(["c@one.example"])
    t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""Line ends: LF alone from the server, from the client, from both, CRLF only around the body, CR alone within lines (RFC 5321 2.3.8).

Counted: one message and one recipient a session, three in the one with CR: a CR alone ends no line, so that "RCPT..CR..RCPT" is one command with one reply."""
import sys

from capture import *


def talk(client, server, body, end):
    t = cap.tcp()
    t.open()
    t.server("220-mx" + server + "220 ready" + server)
    for command, reply in (("EHLO vm", "250-mx" + server + "250-PIPELINING" + server + "250 HELP"),
                           ("MAIL FROM:<a@example.org>", "250 ok"), ("RCPT TO:<b@one.example>", "250 ok"),
                           ("DATA", "354 go")):
        t.client(command + client)
        t.server(reply + server)
    t.client("Subject: x" + body + body + "text" + body + end)
    t.server("250-taken" + server + "250 queued" + server)
    t.client("QUIT" + client)
    t.server("221 bye" + server)
    t.close()


cap = Capture()
talk("\r\n", "\n", "\r\n", ".\r\n")
talk("\n", "\r\n", "\r\n", ".\r\n")
talk("\n", "\r\n", "\n", ".\n")
talk("\n", "\n", "\r\n", ".\r\n")
talk("\r\n", "\n", "\n", "\r\n.\r\n")
talk("\r\r\n", "\r\r\n", "\r\n", ".\r\n")
t = cap.tcp()
t.open()
t.greet()
t.say("MAIL FROM:<a@example.org>", "250 ok")
t.say("RCPT TO:<b@one.example>\rRCPT TO:<c@one.example>", "501 5.1.3 bad address")
t.say("RCPT TO:<d@one.example>", "250 one\rof two\r250 and more")
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\ntext\r.\r\r.\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

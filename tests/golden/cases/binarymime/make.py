# SPDX-License-Identifier: ISC
"""BODY=BINARYMIME (RFC 3030 3): NULs, bare LF and CR, an end of data with a whole mail behind it inside the chunks; chunks of one byte; a chunk cut where its bytes look like a command.

Counted: three messages of three recipients: only the size that BDAT says ends a chunk."""
import sys

from capture import *

body = (b"Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) * 3 + b"\0\n.\n\r.\r\r\n.\r\n"
        b"MAIL FROM:<x@y.example>\r\nRCPT TO:<x@two.example>\r\nDATA\r\nBDAT 5 LAST\r\nhello\r\n.\r\nQUIT\r\n\0\0\n\n.")
cap = Capture()
t = cap.tcp()
t.open()
t.greet(("PIPELINING", "CHUNKING", "BINARYMIME"))


def begin(to):
    t.say("MAIL FROM:<a@example.org> BODY=BINARYMIME", "250 2.1.0 ok")
    t.say(f"RCPT TO:<{to}@one.example>", "250 2.1.5 ok")


begin("a")                              # whole
t.client(b"BDAT %d LAST\r\n" % len(body) + body)
t.server("250 2.0.0 queued\r\n")
begin("b")                              # a segment for each piece, cut before each byte that a line begins with
t.client(b"BDAT %d LAST\r\n" % len(body))
for piece in body.splitlines(keepends=True):
    t.client(piece)
t.server("250 2.0.0 queued\r\n")
begin("c")                              # pipelined chunks of one byte, and the rest in two
t.client(b"".join(b"BDAT 1\r\n%c" % c for c in body[-40:]))
t.server("250 ok\r\n" * 40)
t.client(b"BDAT %d\r\n" % 800 + body[:800] + b"BDAT %d LAST\r\n" % len(body[800:]) + body[800:] + b"QUIT\r\n")
t.server("250 ok\r\n250 2.0.0 queued\r\n221 bye\r\n")
t.close()
cap.write(sys.argv[1])

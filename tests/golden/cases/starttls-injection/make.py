# SPDX-License-Identifier: ISC
"""A mail in the clear behind STARTTLS, before the server's 220, and replies behind the 220 (CVE-2011-0411): in one segment, in the next, more than a buffer holds, with a body, with BDAT.

Counted: four sessions in TLS with nothing in the clear, as both sides must drop what came before the handshake (RFC 3207 4.2, 5).  Where STARTTLS is refused what was behind it are commands like any others: one message, one recipient."""
import sys

from capture import *

hello = [b"\x16\x03\x01\x00\x20" + bytes(32), b"\x16\x03\x03\x00\x20" + bytes(32)]
envelope = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@one.example>\r\n"
mail = envelope + "DATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n"


def secure(segments, answer="220 2.0.0 ready\r\n"):
    t = cap.tcp()
    t.open()
    t.greet(("PIPELINING", "STARTTLS"))
    for s in segments:
        t.client(s)
    t.server(answer)
    t.client(hello[0])
    t.server(hello[1])
    for size in (40, 60, 200):
        t.client(b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes(size))
        t.server(b"\x17\x03\x03\x00\x30" + bytes(48))
    t.close()


cap = Capture()
secure(["STARTTLS\r\n" + mail])
secure(["STARTTLS\r\n", mail + "QUIT\r\n"])
secure(["STARTTLS\r\nRSET\r\n" + mail * 30 + envelope + "BDAT 5 LAST\r\nhello"])
secure(["STARTTLS\r\n" + mail], "220 2.0.0 ready\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 queued\r\n")
t = cap.tcp()
t.open()
t.greet(("PIPELINING", "STARTTLS"))
t.client("STARTTLS\r\n" + envelope + "DATA\r\n")
t.server("454 4.7.0 not now\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n")
t.client("Subject: x\r\n\r\ntext\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

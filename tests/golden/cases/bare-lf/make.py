# SPDX-License-Identifier: ISC
"""A client that ends its lines with LF alone, and a server that takes it (many did before 2024)."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220 mx\n")
t.client("EHLO vm\n")
t.server("250-mx\n250 HELP\n")
for n in range(2):
    for command, reply in (("MAIL FROM:<a@example.org>", "250 ok"), (f"RCPT TO:<b{n}@one.example>", "250 ok"),
                           ("DATA", "354 go")):
        t.client(command + "\n")
        t.server(reply + "\n")
    t.client("Subject: x\n\ntext\n.\n")
    t.server("250 queued\n")
t.client("QUIT\n")
t.server("221 bye\n")
t.close()
cap.write(sys.argv[1])

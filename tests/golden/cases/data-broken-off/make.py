# SPDX-License-Identifier: ISC
"""552 or 421 before the end of data was sent: the client gives up with QUIT or RSET, or goes on to its dot, with the next mail behind it or in one packet with it; 421 to the dot itself.

Counted: no message of these; behind RSET or the dot a mail that is accepted, where there is one (b, d, e)."""
import sys

from capture import *

line = "line of text of a message that is cut off\r\n"


def begin():
    t = cap.tcp()
    t.open()
    t.greet()
    t.envelope(["a@one.example"])
    t.say("DATA", "354 go")
    t.client("Subject: x\r\n\r\n" + line * 60)
    return t


cap = Capture()
t = begin()                             # gives up with QUIT, without a dot
t.server("421 4.3.0 shutting down\r\n")
t.client("QUIT\r\n")
t.close()
t = begin()                             # gives up with RSET, and begins anew
t.server("552 5.3.4 too big\r\n")
t.say("RSET", "250 2.0.0 ok")
t.message(["b@one.example"])
t.quit()
t = begin()                             # goes on for a while, then the server is gone
t.server("421 4.3.0 shutting down\r\n")
t.client(line * 60)
t.client(line * 60 + ".\r\nQUIT\r\n")
t.reset()
t = begin()                             # goes on to the dot, which has no answer of its own, and on
t.server("552 5.3.4 too big\r\n")
t.client(line * 60)
t.client(line * 20 + ".\r\n")
t.message(["d@one.example"])
t.quit()
t = begin()                             # goes on to the dot in one packet with the next mail
t.server("552 5.3.4 too big\r\n")
t.client(line * 20 + ".\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<e@one.example>\r\nDATA\r\n")
t.server("250 ok\r\n250 ok\r\n354 go\r\n")
t.client("Subject: y\r\n\r\n" + line + ".\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
t = begin()                             # 421 to the dot; what the client says behind it has no answer
t.client(line + ".\r\n")
t.server("421 4.7.28 too much mail from you\r\n")
t.client("RSET\r\n")
t.close()
t = begin()                             # 421 to the dot, the next mail is already on its way
t.client(line + ".\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<f@one.example>\r\nDATA\r\n")
t.server("421 4.3.2 shutting down\r\n")
t.close()
cap.write(sys.argv[1])

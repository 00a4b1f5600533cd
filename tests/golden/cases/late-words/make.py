# SPDX-License-Identifier: ISC
"""421 that nobody asked for, words behind QUIT, half-closed by the client before the replies come.

Counted: one message and recipient each; nothing is said of the MAIL behind QUIT."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"])
cap.time += 300
t.server("421 4.4.2 timeout\r\n")
t.close()
t = cap.tcp()
t.open()
t.greet()
t.message(["b@one.example"])
t.client("QUIT\r\nMAIL FROM:<x@example.org>\r\n")
t.server("221 bye\r\n")
t.reset()
t = cap.tcp()
t.open()
t.client("HELO vm\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<c@one.example>\r\nDATA\r\n")
t.segment(SERVER)
t.client("x\r\n.\r\nQUIT\r\n")
t.segment(CLIENT, flags=FIN | ACK)
t.seq[CLIENT] += 1
t.server("220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n")
t.segment(SERVER, flags=FIN | ACK)
cap.write(sys.argv[1])

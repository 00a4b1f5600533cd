# SPDX-License-Identifier: ISC
"""The server does not take the data of the SYN: it comes again."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
data = b"EHLO vm.example.org\r\n"
t.segment(CLIENT, data, flags=SYN)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=SYN | ACK)
t.seq[SERVER] += 1
t.client(data)
t.server("220 mx\r\n250 mx\r\n")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

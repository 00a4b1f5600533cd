# SPDX-License-Identifier: ISC
"""TCP Fast Open (RFC 7413): EHLO in the SYN, before the greeting; the server takes it."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
data = b"EHLO vm.example.org\r\n"
t.segment(CLIENT, data, flags=SYN)
t.seq[CLIENT] += 1 + len(data)
t.segment(SERVER, flags=SYN | ACK)
t.seq[SERVER] += 1
t.server("220 mx\r\n250 mx\r\n")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

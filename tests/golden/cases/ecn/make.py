# SPDX-License-Identifier: ISC
"""Congestion bits (RFC 3168): ECE and CWR on the SYN and on data."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.segment(CLIENT, flags=SYN | ECE | CWR)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=SYN | ACK | ECE)
t.seq[SERVER] += 1
t.segment(CLIENT)
t.greet()
t.message(["a@one.example"])
for p in cap.packets[6:]:
    p.ip = p.ip[:33] + bytes([p.ip[33] | ECE | CWR]) + p.ip[34:]
t.quit()
cap.write(sys.argv[1])

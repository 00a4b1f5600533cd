# SPDX-License-Identifier: ISC
"""SYN three times, SYN-ACK twice, an old duplicate SYN in the middle; then the last ACK of the handshake missing."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
for _ in range(3):
    t.segment(CLIENT, flags=SYN)
    cap.time += 1
t.seq[CLIENT] += 1
t.segment(SERVER, flags=SYN | ACK)
t.segment(SERVER, flags=SYN | ACK)
t.seq[SERVER] += 1
t.segment(CLIENT)
t.greet()
t.segment(CLIENT, flags=SYN, seq=1000)
t.segment(SERVER)
t.message(["a@one.example"])
t.quit()
t = cap.tcp()
t.segment(CLIENT, flags=SYN)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=SYN | ACK)
t.seq[SERVER] += 1
t.greet()
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

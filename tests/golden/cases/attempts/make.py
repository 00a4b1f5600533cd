# SPDX-License-Identifier: ISC
"""Refused by RST, refused by ICMP, unanswered with retries (one attempt), refused on the second port; a connection that is taken and closed without a word is one that did not fail, nor an SMTP session; one that is greeted and left is.

Counted: the first four failed, the four SYNs of the third together; one session, the last."""
import sys

from capture import *

cap = Capture()
import struct
t = cap.tcp()
t.segment(CLIENT, flags=SYN)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=RST | ACK)
t = cap.tcp()
syn = t.segment(CLIENT, flags=SYN)
cap.packets.append(syn.copy(sender=SERVER, ip=ip_header(address("203.0.113.1"), address("10.0.0.1"), 1,
                                                        struct.pack("!BBHI", 3, 1, 0, 0) + syn.ip[:28])))
t = cap.tcp()
for wait in (1, 2, 4, 8):
    t.segment(CLIENT, flags=SYN)
    cap.time += wait
t = cap.tcp(server_port=587)
t.segment(CLIENT, flags=SYN)
t.seq[CLIENT] += 1
t.segment(SERVER, flags=RST | ACK)
t = cap.tcp()
t.open()
t.close()
t = cap.tcp()
t.open()
t.server("220 mx\r\n")
t.close(CLIENT)
cap.write(sys.argv[1])

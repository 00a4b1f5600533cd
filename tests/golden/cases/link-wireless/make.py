# SPDX-License-Identifier: ISC
"""IEEE 802.11 data frames behind radiotap, to and from the access point, plain and with QoS; what is encrypted is passed over."""
import sys

from capture import *

cap = Capture()
import struct
cap.link = 127
cap.mail()
for i, p in enumerate(cap.packets):
    qos = i % 2 == 1
    control = struct.pack("<BBH", 0x88 if qos else 0x08, 0x01 if p.sender == CLIENT else 0x02, 0)
    p.frame = struct.pack("<BBHI", 0, 0, 8, 0) + control + bytes(18) + b"\0\0" + (b"\0\0" if qos else b"") \
        + b"\xaa\xaa\x03\0\0\0\x08\0" + p.ip
secret = cap.packets[4].copy()
secret.frame = struct.pack("<BBHI", 0, 0, 8, 0) + struct.pack("<BBH", 0x08, 0x41, 0) + bytes(40) + p.ip
cap.packets.insert(5, secret)
cap.write(sys.argv[1])

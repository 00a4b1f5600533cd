# SPDX-License-Identifier: ISC
"""HAProxy's PROXY line, version 1 and 2, before the dialogue: it has no reply."""
import sys

from capture import *

cap = Capture()
import struct
t = cap.tcp()
t.open()
t.client("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n")
t.greet()
t.message(["a@one.example"])
t.quit()
t = cap.tcp()
t.open()
t.client(b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, 12) + bytes(12))
t.greet()
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

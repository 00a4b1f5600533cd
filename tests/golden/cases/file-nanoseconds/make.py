# SPDX-License-Identifier: ISC
"""A pcap file with nanoseconds, written on a big-endian machine."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1], big=True, nano=True)

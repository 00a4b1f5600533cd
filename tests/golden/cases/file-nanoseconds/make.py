# SPDX-License-Identifier: ISC
"""A pcap file with nanoseconds, written on a big-endian machine."""
import sys

from capture import *

cap = Capture()
cap.mail()
cap.write(sys.argv[1], big=True, nano=True)

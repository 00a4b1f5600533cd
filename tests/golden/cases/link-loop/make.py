# SPDX-License-Identifier: ISC
"""OpenBSD loopback: the family in network order."""
import sys

from capture import *

cap = Capture()
cap.link = LOOP
cap.mail()
cap.write(sys.argv[1])

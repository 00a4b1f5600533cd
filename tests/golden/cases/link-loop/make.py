# SPDX-License-Identifier: ISC
"""OpenBSD loopback: the family in network order."""
import sys

from capture import *

cap = Capture()
cap.link = LOOP
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

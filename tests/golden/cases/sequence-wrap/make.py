# SPDX-License-Identifier: ISC
"""Sequence numbers of both sides pass 2^32 in the middle of a line."""
import sys

from capture import *

cap = Capture()
t = cap.tcp(isn=(2**32 - 90, 2**32 - 130))
t.open()
t.greet()
t.message(["a@one.example"])
t.message(["b@one.example"], text="Subject: y\r\n\r\n" + "x" * 5000 + "\r\n")
t.quit()
cap.write(sys.argv[1])

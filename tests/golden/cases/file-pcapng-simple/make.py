# SPDX-License-Identifier: ISC
"""pcapng with simple packet blocks: no times at all."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"])
t.quit()
cap.write_ng(sys.argv[1], simple=True)

# SPDX-License-Identifier: ISC
"""The same addresses and ports four times: after FIN, after RST, and without any end; new sequence numbers each time.

Counted: four sessions, each begins with a SYN of its own."""
import sys

from capture import *

cap = Capture()
for n, end in enumerate(("fin", "rst", "none", "fin")):
    t = cap.tcp(port=50000, isn=(1000 + n * 100000, 900000 - n * 70000))
    t.open()
    t.greet()
    t.message(["a@one.example"])
    if end == "fin":
        t.quit()
    elif end == "rst":
        t.reset(CLIENT)
    cap.time += 2
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""Linux cooked capture of every interface (version 1, without an index): in through the tap, out through the uplink."""
import sys

from capture import *

cap = Capture()
cap.link = SLL
cap.mail()
cap.packets = [p.copy(time=p.time + late, outgoing=out) for p in cap.packets
               for late, out in ((0, False), (0.00001, True), (0.00002, True))]
cap.write(sys.argv[1])

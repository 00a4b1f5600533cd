# SPDX-License-Identifier: ISC
"""Linux cooked capture, version 2, with one and two VLAN tags before IP."""
import sys

from capture import *

cap = Capture()
cap.link = SLL2
for tags in ([7], [100, 7]):
    for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
        cap.mail(client, server)
        for p in cap.packets:
            p.tags = p.tags or tags
cap.write(sys.argv[1])

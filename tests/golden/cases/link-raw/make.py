# SPDX-License-Identifier: ISC
"""Raw IP, both versions (a tun device, or tcpdump -i any on some systems)."""
import sys

from capture import *

cap = Capture()
cap.link = RAW
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    cap.mail(client, server)
cap.write(sys.argv[1])

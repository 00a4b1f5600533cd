# SPDX-License-Identifier: ISC
"""BSD loopback: the address family in the byte order of the machine that captured."""
import sys

from capture import *

cap = Capture()
cap.link = NULL
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    cap.mail(client, server)
cap.write(sys.argv[1], big=True)

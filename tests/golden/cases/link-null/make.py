# SPDX-License-Identifier: ISC
"""BSD loopback: the address family in the byte order of the machine that captured."""
import sys

from capture import *

cap = Capture()
cap.link = NULL
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    t = cap.tcp(client, server)
    t.open()
    t.greet()
    t.message(["a@one.example"])
    t.quit()
cap.write(sys.argv[1], big=True)

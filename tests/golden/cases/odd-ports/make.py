# SPDX-License-Identifier: ISC
"""SMTP on 26, 1025, 2525, 10025, 24, and between two mail ports (a server that sends from port 25); 2525 as the client's own."""
import sys

from capture import *

cap = Capture()
for port, server_port in ((None, 26), (None, 1025), (None, 2525), (None, 10025), (None, 24), (25, 25), (2525, 25)):
    t = cap.tcp(port=port, server_port=server_port)
    t.open()
    t.greet()
    t.message(["a@one.example"])
    t.quit()
cap.write(sys.argv[1])

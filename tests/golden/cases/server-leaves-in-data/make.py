# SPDX-License-Identifier: ISC
"""The server closes, resets, or answers 421 or 552 in the middle of the body.

Counted: four recipients were taken and no message: 421 and 552 end it, and FIN and RST say nothing of it."""
import sys

from capture import *

cap = Capture()
for how in ("fin", "rst", "421 4.3.0 shutting down\r\n", "552 5.3.4 too big\r\n"):
    t = cap.tcp()
    t.open()
    t.greet()
    t.envelope(["a@one.example"])
    t.say("DATA", "354 go")
    t.client("Subject: x\r\n\r\n" + "line of text\r\n" * 50)
    if how == "rst":
        t.reset()
        continue
    if how != "fin":
        t.server(how)
    t.close()
cap.write(sys.argv[1])

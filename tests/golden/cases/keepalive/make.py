# SPDX-License-Identifier: ISC
"""Keep-alive probes (an old byte, or none, before the window) and window probes (one new byte, sent again later)."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.message(["a@one.example"])
for junk in (b"", b"\0", b"X"):
    for side in (CLIENT, SERVER):
        cap.time += 60
        t.segment(side, junk, seq=t.seq[side] - 1)
        t.segment(1 - side)
t.envelope(["b@one.example"])
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\n")
for _ in range(3):
    cap.time += 5
    t.segment(CLIENT, b"t")
    t.segment(SERVER)
t.client("text\r\n.\r\n")
t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

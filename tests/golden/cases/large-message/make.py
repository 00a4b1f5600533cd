# SPDX-License-Identifier: ISC
"""5 MB in super-frames of 64 KB whose IP length is 0 (segmentation offload), padding behind small frames."""
import sys

from capture import *

cap = Capture()
for client, server in (("10.0.0.1", "198.51.100.1"), ("2001:db8::1", "2001:db8:f::19")):
    t = cap.tcp(client, server)
    t.open()
    t.greet()
    t.envelope(["a@one.example"])
    t.say("DATA", "354 go")
    t.mss = 65536
    body = "Subject: x\r\n\r\n" + ("0123456789" * 7 + "\r\n") * 70000
    for at in range(0, len(body), t.mss):
        t.segment(CLIENT, body[at:at + t.mss].encode(), total=0)
        t.seq[CLIENT] += len(body[at:at + t.mss])
    t.client("\r\n.\r\n")
    t.server("250 2.0.0 queued\r\n")
    t.quit()
for p in cap.packets:
    p.pad = max(0, 46 - len(p.ip))
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""Lines that begin with a dot (RFC 5321 4.5.2), cut between any two of their bytes; the end of data likewise."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
text = "Subject: dots\r\n\r\n..\r\n...\r\n..hidden\r\n. not the end\r\n.\rx\r\n"
for size in (1, 2):
    t.envelope([f"b{size}@one.example"])
    t.say("DATA", "354 go")
    t.client(text + ".\r\n", size)
    t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

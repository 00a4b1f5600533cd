# SPDX-License-Identifier: ISC
"""RST of the client: in the body, after the final dot but before its reply, and after QUIT.

Counted: three accepted recipients; the one message whose 250 came before the RST."""
import sys

from capture import *

cap = Capture()
for at in ("body", "dot", "quit"):
    t = cap.tcp()
    t.open()
    t.greet()
    t.envelope([f"{at}@one.example"])
    t.say("DATA", "354 go")
    t.client("Subject: x\r\n\r\ntext\r\n" + ("" if at == "body" else ".\r\n"))
    if at == "quit":
        t.server("250 2.0.0 queued\r\n")
        t.client("QUIT\r\n")
    t.reset(CLIENT)
    if at == "dot":
        t.segment(SERVER, b"250 2.0.0 queued\r\n", ACK | PSH) # nobody hears it, and the message was taken
cap.write(sys.argv[1])

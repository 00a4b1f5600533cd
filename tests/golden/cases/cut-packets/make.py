# SPDX-License-Identifier: ISC
"""Captured with 96 bytes a packet: long lines and bodies are cut, and the lengths on the wire are still known.

Counted: replies are short enough to be whole, so the three messages and recipients show though no command and no body is."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
for n in range(3):
    t.message([f"recipient-with-a-rather-long-local-part-{n}@an.organisation.with.a.long.name.example"],
              text="Subject: x\r\n\r\n" + "text of a body\r\n" * 400)
t.quit()
cap.write(sys.argv[1], snaplen=96)

# SPDX-License-Identifier: ISC
"""A thousand recipients in one pipeline, twice; every fourth is unknown.

Counted: 750 accepted and 250 refused, twice."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
for n in range(2):
    t.client("MAIL FROM:<a@example.org>\r\n" + "".join(f"RCPT TO:<r{i}@d{i % 40}.example>\r\n" for i in range(1000))
             + "DATA\r\n")
    t.server("250 ok\r\n" + "".join("550 5.1.1 no\r\n" if i % 4 == 0 else "250 2.1.5 ok\r\n" for i in range(1000))
             + "354 go\r\n")
    t.client("Subject: x\r\n\r\ny\r\n.\r\n")
    t.server("250 2.0.0 queued\r\n")
t.quit()
cap.write(sys.argv[1])

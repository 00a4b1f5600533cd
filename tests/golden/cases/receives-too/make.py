# SPDX-License-Identifier: ISC
"""Two servers mail thirty people each; one of them also receives mail, the other none: the sent/received ratio, end to end."""
import sys

from capture import *

cap = Capture()
for host in (1, 2):
    for n in range(30):
        t = cap.tcp(client=f"10.0.0.{host}", server=f"198.51.100.{n + 1}")
        t.open()
        t.greet()
        t.message([f"person{n}@d{n}.example"], text=f"Subject: {n * 7919}\r\n\r\nLetter {n} of its own.\r\n")
        t.quit()
        cap.time += 20
        if host == 1 and n % 5 == 4:
            t = cap.tcp(client=f"203.0.113.{n}", server="10.0.0.1")
            t.open()
            t.greet()
            t.message(["me@example.org"])
            t.quit()
cap.write(sys.argv[1])

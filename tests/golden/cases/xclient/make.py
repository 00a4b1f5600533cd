# SPDX-License-Identifier: ISC
"""XCLIENT answers with a greeting and starts anew; XFORWARD with 250 (Postfix's content filters)."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet(("XCLIENT NAME ADDR", "XFORWARD NAME ADDR"))
t.say("XCLIENT NAME=spike.example ADDR=192.0.2.9", "220 mx ESMTP")
t.say("EHLO spike.example", "250-mx\r\n250 XFORWARD NAME")
t.say("XFORWARD NAME=spike.example", "250 2.0.0 ok")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

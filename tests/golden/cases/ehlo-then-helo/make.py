# SPDX-License-Identifier: ISC
"""EHLO refused, HELO taken; RSET and NOOP between."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220 old.example Sendmail 5.67\r\n")
t.say("EHLO vm.example.org", "500 Command unrecognized")
t.say("RSET", "250 Reset state")
t.say("HELO vm.example.org", "250 Hello vm.example.org, pleased to meet you")
t.say("NOOP", "250 ok")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

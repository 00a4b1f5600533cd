# SPDX-License-Identifier: ISC
"""554, 421, 521 and a slow greeting of many lines in pieces; a client that says QUIT to a refusal, or EHLO.

Counted: five sessions, none failed as a connection, and nobody was asked for anything."""
import sys

from capture import *

cap = Capture()
for greeting in ("554 5.7.1 you are on bl.example", "421 4.3.2 busy", "521 mx.example.net does not accept mail"):
    t = cap.tcp()
    t.open()
    t.server(greeting + "\r\n")
    t.quit()
t = cap.tcp()
t.open()
t.server("554 go away\r\n")
t.say("EHLO vm", "503 bad sequence")
t.quit()
t = cap.tcp()
t.open()
t.server("220-mx.example.net\r\n220-")
cap.time += 10
t.server(" we do not authorise\r\n220 to send spam\r\n")
t.quit()
cap.write(sys.argv[1])

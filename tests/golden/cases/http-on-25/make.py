# SPDX-License-Identifier: ISC
"""A web proxy that is made to post to port 25: every header line is a command that has a reply, then comes SMTP.

Counted: the one RCPT with 250 and its message; a 503 to RCPT is a 5xx to RCPT, twice. The header lines are no recipients."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220 mx\r\n")
t.client("POST / HTTP/1.0\r\nHost: mx\r\n\r\n")
t.server("500 unknown\r\n500 unknown\r\n500 unknown\r\n")
t.say("HELO proxy", "250 mx")
t.message(["a@one.example"])
t.say("RCPT TO:<b@one.example>", "503 need MAIL")
t.say("RCPT TO:<c@one.example>", "503 need MAIL")
t.quit()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""554 to DATA: what follows are commands again, not a body (arkime's smtp-data-521 is one, too).

Counted: a and b are accepted, c is refused, and only b's text was taken."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.greet()
t.envelope(["a@one.example"])
t.say("DATA", "554 5.5.1 not today")
t.say("RSET", "250 2.0.0 ok")
t.message(["b@one.example"])
t.say("MAIL FROM:<a@example.org>", "250 2.1.0 ok")
t.say("RCPT TO:<c@one.example>", "550 5.1.1 no such user")
t.client("DATA\r\nQUIT\r\n")
t.server("503 5.5.1 no valid recipients\r\n221 bye\r\n")
t.close()
cap.write(sys.argv[1])

# SPDX-License-Identifier: ISC
"""AUTH LOGIN, CRAM-MD5 and PLAIN with challenges (RFC 4954): given up with *, refused, taken; no argument may be kept."""
import sys

from capture import *

cap = Capture()
secret = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUta2VwdA=="
for port in (25, 587, 2525):
    t = cap.tcp(server_port=port)
    t.open()
    t.greet(("AUTH LOGIN PLAIN CRAM-MD5",))
    t.say("AUTH LOGIN", "334 VXNlcm5hbWU6")
    t.say(secret, "334 UGFzc3dvcmQ6")
    t.say(secret, "535 5.7.8 no")
    t.say("AUTH CRAM-MD5", "334 PDQxOTI5NDIzNDEuMTI4Mjg0NzJAc291cmNlZm91cj4=")
    t.say("*", "501 5.7.0 cancelled")
    t.say("AUTH PLAIN", "334 ")
    t.say("MAIL FROM:<" + secret, "535-5.7.8 looks like a command, is an answer\r\n535 5.7.8 no")
    t.say("AUTH PLAIN " + secret, "235 2.7.0 ok")
    t.message(["a@one.example"])
    t.quit()
cap.write(sys.argv[1])

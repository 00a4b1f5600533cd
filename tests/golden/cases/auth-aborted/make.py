# SPDX-License-Identifier: ISC
"""AUTH of several challenges (RFC 4954 4): given up with * at each step, with an empty answer, with an initial answer of "=", of lines of 4,000 bytes, cut within them; tried again and again; a challenge answered with what looks like the rest of a mail.

Counted: one message, and only its recipient: answers are no commands, and none of them is kept."""
import sys

from capture import *

cap = Capture()
secret = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUta2VwdA=="
t = cap.tcp()
t.open()
t.greet(("AUTH GSSAPI SCRAM-SHA-256 LOGIN PLAIN",))
for steps in range(5):
    t.say("AUTH GSSAPI" + (" =" if steps % 2 else ""), "334 ")
    for step in range(steps):
        t.say(secret * (100 if step == 1 else 1), "334 " + "Y2hhbGxlbmdl" * (300 if step == 2 else 1))
    t.say("*", "501 5.7.0 cancelled")
t.say("AUTH SCRAM-SHA-256 " + secret, "334 cj1mb28=")
t.client(secret[:7])
t.client(secret[7:] + "\r")
t.client("\n")
t.server("334-more\r\n334 c2lnbmVk\r\n")
t.say("", "535 5.7.8 no")
for n in range(50):
    t.say("AUTH LOGIN", "334 VXNlcm5hbWU6")
    t.say("RCPT TO:<secret@one.example>", "334 UGFzc3dvcmQ6")
    t.say("DATA", "535 5.7.8 no")
t.say("auth  login", "334 VXNlcm5hbWU6")
t.say(secret, "334 UGFzc3dvcmQ6")
t.say("MAIL FROM:<secret@example.org>", "235 2.7.0 ok")
t.message(["a@one.example"])
t.quit()
cap.write(sys.argv[1])

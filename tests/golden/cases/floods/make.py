# SPDX-License-Identifier: ISC
"""VRFY, EXPN, ETRN, NOOP and HELP by the thousand: pipelined 200 at a time, one by one, mixed so that no two in a row are alike, with replies that name people; then a mail.

Counted: VRFY and EXPN ask for no delivery, whatever is answered (550 5.1.1 as well as 250 2.1.5): two sessions, a message and a recipient each."""
import sys

from capture import *

kinds = (("VRFY user{}", "550 5.1.1 <user{}>: user unknown"), ("EXPN list{}", "250-2.1.5 <a{0}@one.example>\r\n250 2.1.5 <b@one.example>"),
         ("ETRN d{}.example", "458 4.0.0 cannot queue {}"), ("NOOP {}", "250 2.0.0 ok"), ("HELP {}", "214 2.0.0 none"),
         ("vrfy user{}", "252 2.1.5 perhaps {}"))
cap = Capture()
t = cap.tcp()
t.open()
t.greet()
for first in range(0, 3000, 200):
    said = [kinds[n % len(kinds)] for n in range(first, first + 200)]
    t.client("".join(s[0].format(n) + "\r\n" for n, s in enumerate(said)))
    t.server("".join(s[1].format(n) + "\r\n" for n, s in enumerate(said)))
t.message(["a@one.example"])
t.quit()
t = cap.tcp()
t.open()
t.greet()
for n in range(1000):
    command, reply = kinds[n // 170]
    t.say(command.format(n), reply.format(n))
t.message(["b@one.example"])
t.quit()
cap.write(sys.argv[1])

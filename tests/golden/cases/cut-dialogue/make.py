# SPDX-License-Identifier: ISC
"""Captured with 96 bytes a packet: replies of several lines, addresses and AUTH are cut, too.

Counted: one session command by command, all of it, for each reply says by its code what came of its command.  One session pipelined:
what of its commands and replies is behind the cut is not counted, and each such place is a gap."""
import sys

from capture import *

cap = Capture()
t = cap.tcp()
t.open()
t.server("220 a-host-with-a-long-name.mail.example.net ESMTP ready\r\n")
t.client("EHLO a-client-with-a-long-name.example.org\r\n")
t.server("".join(f"250-{line}\r\n" for line in ("mx.example.net", "PIPELINING", "SIZE 52428800", "AUTH PLAIN")) + "250 HELP\r\n")
t.say("AUTH PLAIN AHVzZXJuYW1lLW9mLXRoZS10ZW5hbnQAc2VjcmV0LXNlY3JldA==", "235 2.7.0 Authentication successful, welcome back")
t.say("MAIL FROM:<a-sender-with-a-long-name@example.org>", "250 sender ok, and more that nobody needs to know")
t.say("RCPT TO:<a-recipient-with-a-long-name@one.example>", "250 recipient ok, and more that nobody needs to know")
t.say("RCPT TO:<another-recipient-with-a-long-name@one.example>", "550-5.1.1 no mailbox of that name here, please look\r\n550 5.1.1 again")
t.say("RCPT TO:<a-third-recipient-with-a-long-name@one.example>", "451-try again later, and have patience with us\r\n451 please")
t.say("DATA", "354 go ahead, and end with a line of which a dot is all")
t.client("Subject: x\r\n\r\n" + "text of a body\r\n" * 40 + ".\r\n")
t.server("250 2.0.0 Ok: queued as 1234567890ABCDEF in a long queue\r\n")
t.quit()

cap.time += 60
t = cap.tcp("10.0.0.2")
t.open()
t.greet(("PIPELINING",))
t.client("MAIL FROM:<a@example.org>\r\n" + "".join(f"RCPT TO:<r{i}@one.example>\r\n" for i in range(5)) + "DATA\r\n")
t.server("250 2.1.0 Ok\r\n" + "250 2.1.5 Ok\r\n" * 5 + "354 go ahead\r\n")
t.client("Subject: x\r\n\r\nOne line.\r\n.\r\n")
t.server("250 2.0.0 Ok: queued\r\n")
t.client("QUIT\r\n")
t.server("221 2.0.0 Bye\r\n")
t.close()
cap.write(sys.argv[1], snaplen=96)

# SPDX-License-Identifier: ISC
"""LMTP (RFC 2033): LHLO, and after the body one reply for each accepted recipient. A message that one takes counts once."""
import sys

from capture import *

cap = Capture()
t = cap.tcp(server_port=24)
t.open()
t.server("220 mx LMTP\r\n")
t.say("LHLO vm", "250-mx\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES")
t.envelope(["a@one.example", "b@one.example"])
t.say("RCPT TO:<c@one.example>", "550 5.1.1 no such user")
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\n")
t.server("550 5.2.2 over quota\r\n250 2.1.5 <b@one.example> delivered\r\n")
t.envelope(["d@one.example", "e@one.example", "f@one.example"])
t.say("DATA", "354 go")
t.client("Subject: x\r\n\r\ny\r\n.\r\nQUIT\r\n")
t.server("250 2.1.5 <d@one.example> delivered\r\n250 2.1.5 ok\r\n452 4.2.2 full\r\n221 bye\r\n")
t.close()
cap.write(sys.argv[1])

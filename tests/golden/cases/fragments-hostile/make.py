# SPDX-License-Identifier: ISC
"""Beside an honest session in pieces: 2000 datagrams that never become whole, pieces that overlap, a datagram longer than IP allows, lengths that nothing can follow, and a piece that rewrites a recipient.

Counted: what the two honest clients sent, and nothing for who flooded: no datagram of it became whole."""
import sys

from capture import *

cap = Capture()
honest = cap.tcp()
honest.open()
honest.greet()
honest.message(["a@one.example"], text="Subject: x\r\n\r\n" + "text\r\n" * 500)
honest.quit()
whole, cap.packets = cap.packets, []
flood = cap.tcp("10.0.0.66")
flood.seq[CLIENT] = 0
for i, p in enumerate(whole):
    pieces = divide(p, 160, i)
    cap.packets.append(pieces[0])
    if len(pieces) > 1:
        for n in range(2000 // len([w for w in whole if len(w.ip) > 180])):
            flood.segment(CLIENT, b"x" * 400)
            junk = cap.packets.pop()
            cap.packets.append(divide(junk, 160, 1000 * i + n)[0].copy(time=p.time))
    cap.packets += pieces[1:]

# Of these the receiver takes none (RFC 5722), so the sender says them again.
t = cap.tcp("10.0.0.2", "198.51.100.2")
t.open()
t.greet()
t.say("MAIL FROM:<a@example.org>", "250 ok")
good = cap.packets
t.segment(CLIENT, b"RCPT TO:<evil@one.example>\r\nRCPT TO:<more@one.example>\r\n")
bad = good.pop()
number = 50000
for first, second in ((0, 24), (1, 0)):
    a, b = divide(bad, 40, number)[:2]
    shifted = bytearray(b.ip)
    at = int.from_bytes(shifted[6:8], "big") & 0x1fff
    shifted[6:8] = (0x2000 | at - 1 if first == 0 else at - 2).to_bytes(2, "big")
    good += [a, b.copy(ip=bytes(shifted)), *divide(bad, 40, number)[2:], *divide(bad, 40, number)]
    number += 1
far = ip_header(address("10.0.0.2"), address("198.51.100.2"), 6, b"y" * 1000, at=65528)
odd = ip_header(address("10.0.0.2"), address("198.51.100.2"), 6, b"y" * 1001, more=True, at=0)
empty = ip_header(address("10.0.0.2"), address("198.51.100.2"), 6, b"", more=True, at=0)
good += [bad.copy(ip=ip) for ip in (far, odd, empty)]
t.say("RCPT TO:<a@one.example>", "250 ok")
t.say("DATA", "354 go")
t.client("Subject: y\r\n\r\ny\r\n.\r\n")
t.server("250 queued\r\n")
t.quit()
cap.write(sys.argv[1])

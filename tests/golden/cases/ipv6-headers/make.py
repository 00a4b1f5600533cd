# SPDX-License-Identifier: ISC
"""IPv6 extension headers (RFC 8200): each kind alone, all of them in the order that the RFC wants, twice the same, behind VLAN tags; a header of 2 KB is the longest that there can be.

Every chain leads to TCP, so each of the sessions counts: one message, one recipient.  Behind ESP and "no next header" there is
nothing to read: packets like these stand between the others and change nothing."""
import sys

from capture import Capture

cap = Capture()
HOP, ROUTING, FRAGMENT, AH, OPTIONS, NONE, ESP = 0, 43, 44, 51, 60, 59, 50


def chain(kinds, size=8):
    """The headers in order; each names the next, the last one TCP."""
    out = b""
    for kind, following in zip(kinds, [*kinds[1:], 6]):
        if kind == FRAGMENT:
            out += bytes([following, 0, 0, 0, 0, 0, 0, 7])
        elif kind == AH:
            out += bytes([following, 4]) + bytes(22)
        elif kind == ROUTING:
            out += bytes([following, size // 8 - 1, 0, 0]) + bytes(size - 4)
        else:
            pad = size - 4
            out += bytes([following, size // 8 - 1]) + (bytes([1, pad]) + bytes(pad) if pad < 256 else bytes(size - 2))
    return out


def session(kinds, tags=(), size=8):
    start = len(cap.packets)
    cap.mail("2001:db8::1", "2001:db8:f::19")
    headers = chain(kinds, size)
    for p in cap.packets[start:]:
        length = int.from_bytes(p.ip[4:6], "big") + len(headers)
        p.ip = p.ip[:4] + length.to_bytes(2, "big") + bytes([kinds[0]]) + p.ip[7:40] + headers + p.ip[40:]
        p.tags = list(tags)
    hidden = cap.packets[start + 4]
    for kind in (ESP, NONE):
        cap.packets.append(hidden.copy(ip=hidden.ip[:6] + bytes([kind]) + hidden.ip[7:]))
    cap.time += 60


for kind in (HOP, ROUTING, FRAGMENT, AH, OPTIONS):
    session([kind])
session([HOP, OPTIONS, ROUTING, FRAGMENT, AH, OPTIONS])
session([OPTIONS, OPTIONS])
session([HOP, OPTIONS], tags=(7,))
session([HOP, FRAGMENT], tags=(100, 7))
session([OPTIONS], size=2048)
cap.write(sys.argv[1])

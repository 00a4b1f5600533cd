#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Captures changed in ways that must not change what is counted: other links, tags, addresses, numbers, times, packets cut
and joined otherwise, sent twice, divided, out of order.  metamorphic.py BUILD CAPTURE ...

All captures become one: each gets addresses of its own, and comes after the one before.  `replay` then reads that one,
changed in each of the ways below, and every client's line must be the same; where a change cannot keep it, EXCEPT says so.
"""
import json
import random
import re
import struct
import subprocess
import sys
import tempfile

from capture import ETHERNET, NULL, RAW, SLL, SLL2, Capture, Packet, divide, ip_header

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
NUMBERS = "sessions messages recipients_accepted recipients_rejected recipients_deferred connects_failed".split()
SPAN = 3600     # seconds: a capture that is longer stays out; none begins before the one before has timed out
PACKETS = 1500  # a capture that has more stays out, so that all of it takes half a minute
TAGS = {0x8100, 0x88a8, 0x9100}


# --- reading ---

def records(data):
    """(time, link type, bytes, bytes on the wire) of a classic file or of pcapng."""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from blocks(data)
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1e9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e6
    link, at = struct.unpack(order + "I", data[20:24])[0] & 0xffff, 24
    while at + 16 <= len(data):
        s, f, n, wire = struct.unpack(order + "IIII", data[at:at + 16])
        yield s + f / unit, link, data[at + 16:at + 16 + n], wire
        at += 16 + n


def blocks(data):
    at, order, links = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">", []
        kind, size = struct.unpack(order + "II", data[at:at + 8])
        body = data[at + 8:at + size - 4]
        if kind == 1:
            unit, option = 1e6, 8
            while option + 4 <= len(body):
                code, n = struct.unpack(order + "HH", body[option:option + 4])
                if code == 9:
                    unit = 2.0 ** (body[option + 4] & 127) if body[option + 4] & 128 else 10.0 ** body[option + 4]
                option += 4 + (n + 3) // 4 * 4
            links.append((struct.unpack(order + "H", body[:2])[0], unit))
        elif kind == 6:
            where, high, low, n, wire = struct.unpack(order + "IIIII", body[:20])
            link, unit = links[where]
            yield (high << 32 | low) / unit, link, body[20:20 + n], wire
        at += max(size, 12)


def ip_of(link, frame, wire):
    """(IP datagram, bytes of it that are cut away), or None."""
    size = {ETHERNET: 14, SLL: 16, SLL2: 20, NULL: 4, 108: 4, RAW: 0, 12: 0}.get(link)
    if size is None or len(frame) < size + 20:
        return None
    if link in (ETHERNET, SLL):
        kind = int.from_bytes(frame[size - 2:size], "big")
        while kind in TAGS and len(frame) >= size + 24:
            kind = int.from_bytes(frame[size + 2:size + 4], "big")
            size += 4
        if kind not in (0x0800, 0x86dd):
            return None
    ip, rest = frame[size:], wire - size
    total = int.from_bytes(ip[2:4], "big") if ip[0] >> 4 == 4 else 40 + int.from_bytes(ip[4:6], "big")
    if ip[0] >> 4 not in (4, 6) or total < 20 or total > rest or len(ip) < 40:
        return None
    return ip[:total], total - min(total, len(ip))


class Trace:
    """One capture: packets, each an IP datagram with a time; who of them sends what."""

    def __init__(self, name, packets):
        self.name, self.packets = name, packets


def read(path, index):
    """A Trace of its TCP and UDP, whose addresses nobody else has; None when there is none, or too much."""
    with open(path, "rb") as f:
        data = f.read()
    packets, names = [], {}

    def renamed(old):
        if old not in names:
            n = len(names) + 1
            names[old] = (bytes([10, index + 1, n >> 8 & 255, n & 255]) if len(old) == 4
                          else struct.pack("!HH10xH", 0xfd00, index + 1, n))
        return names[old]

    for time, link, frame, wire in records(data):
        found = ip_of(link, frame, wire)
        if found is None:
            continue
        ip, cut = found
        a, n = (12, 4) if ip[0] >> 4 == 4 else (8, 16)
        if ip[9 if n == 4 else 6] not in (6, 17) or (n == 4 and int.from_bytes(ip[6:8], "big") & 0x3fff):
            continue
        ip = ip[:a] + renamed(ip[a:a + n]) + renamed(ip[a + n:a + 2 * n]) + ip[a + 2 * n:]
        p = Packet(time, ip + bytes(cut), 0)
        p.cut = cut
        packets.append(p)
    if not 0 < len(packets) <= PACKETS or max(p.time for p in packets) - min(p.time for p in packets) > SPAN:
        return None
    return Trace(path, packets)


# --- TCP in a packet ---

def take_apart(p):
    """(IP header, TCP header, payload), or None."""
    ip = p.ip
    at = (ip[0] & 15) * 4 if ip[0] >> 4 == 4 else 40
    if ip[9 if ip[0] >> 4 == 4 else 6] != 6 or len(ip) < at + 20:
        return None
    size = (ip[at + 12] >> 4) * 4
    if size < 20 or len(ip) < at + size:
        return None
    return ip[:at], ip[at:at + size], ip[at + size:]


def put_together(ip, tcp, payload):
    n = len(tcp) + len(payload)
    if ip[0] >> 4 == 4:
        return ip[:2] + struct.pack("!H", len(ip) + n) + ip[4:] + tcp + payload
    return ip[:4] + struct.pack("!H", n) + ip[6:] + tcp + payload


def key_of(p):
    """Sender and receiver, with ports."""
    ip, tcp, _ = take_apart(p)
    a, n = (12, 4) if ip[0] >> 4 == 4 else (8, 16)
    return ip[a:a + n] + tcp[:2], ip[a + n:a + 2 * n] + tcp[2:4]


def is_tcp(p):
    return take_apart(p) is not None


def carries(p):
    parts = take_apart(p)
    return parts is not None and len(parts[2]) > 0


def each_tcp(change):
    """A change of single packets: change(packet, ip, tcp, payload) gives packets."""
    def changed(packets, _random):
        out = []
        for p in packets:
            parts = take_apart(p)
            out += [p] if parts is None else change(p, *parts)
        return out
    return changed


# --- changes that keep every count ---

def same(packets, _random):
    return packets


def split(packets, rnd):
    """Each segment in two."""
    def two(p, ip, tcp, payload):
        if len(payload) < 2 or p.cut or tcp[13] & (SYN | RST):
            return [p]
        n = rnd.randrange(1, len(payload))
        seq = int.from_bytes(tcp[4:8], "big")
        first = tcp[:13] + bytes([tcp[13] & ~(FIN | PSH)]) + tcp[14:]
        second = tcp[:4] + struct.pack("!I", (seq + n) % 2**32) + tcp[8:]
        return [p.copy(ip=put_together(ip, first, payload[:n])), p.copy(ip=put_together(ip, second, payload[n:]))]
    return each_tcp(two)(packets, rnd)


def joined(packets, _random):
    """Segments that follow each other become super-frames, as GRO makes them."""
    out = []
    for p in packets:
        old = out[-1] if out else None
        if old is not None and carries(p) and carries(old) and not p.cut and not old.cut and key_of(p) == key_of(old):
            (ip, tcp, payload), (_, tcp2, payload2) = take_apart(old), take_apart(p)
            follows = (int.from_bytes(tcp[4:8], "big") + len(payload)) % 2**32 == int.from_bytes(tcp2[4:8], "big")
            if follows and tcp[8:12] == tcp2[8:12] and not (tcp[13] | tcp2[13]) & (SYN | RST) and not tcp[13] & FIN \
                    and len(old.ip) + len(payload2) < 65536:
                tcp = tcp[:13] + bytes([tcp[13] | tcp2[13]]) + tcp[14:]
                out[-1] = old.copy(ip=put_together(ip, tcp, payload + payload2))
                continue
        out.append(p)
    return out


def shifted_numbers(packets, rnd):
    """Other initial sequence numbers; many connections wrap."""
    add = {}

    def shift(p, ip, tcp, payload):
        me, you = key_of(p)
        for end in ((me, you), (you, me)):
            if end not in add:
                add[end] = rnd.choice((2**32 - 5000, 2**31 - 100, rnd.randrange(2**32)))
        seq, ack = struct.unpack("!II", tcp[4:12])
        if tcp[13] & ACK:
            ack = (ack + add[(you, me)]) % 2**32
        return [p.copy(ip=ip + tcp[:4] + struct.pack("!II", (seq + add[(me, you)]) % 2**32, ack) + tcp[12:] + payload)]
    return each_tcp(shift)(packets, rnd)


def with_options(packets, _random):
    """Options in IPv4 and in TCP."""
    def add(p, ip, tcp, payload):
        if ip[0] == 0x45:
            ip = b"\x46" + ip[1:] + b"\x94\4\0\0"
        if len(tcp) <= 56:
            tcp = tcp[:12] + bytes([(len(tcp) + 4) // 4 << 4 | tcp[12] & 15]) + tcp[13:] + b"\1\1\1\0"
        return [p.copy(ip=put_together(ip, tcp, payload))]
    return each_tcp(add)(packets, _random)


def as_ipv6(packets, _random):
    """IPv4 becomes IPv6, with destination options before TCP."""
    def turn(p):
        if p.ip[0] >> 4 == 6:
            return p
        at = (p.ip[0] & 15) * 4
        ends = [b"\xfd\1" + bytes(10) + p.ip[a:a + 4] for a in (12, 16)]
        return p.copy(ip=ip_header(*ends, p.ip[9], p.ip[at:], extensions=bytes([p.ip[9]]) + b"\0\1\4\0\0\0\0", first=60))
    return [turn(p) for p in packets]


def divided(backwards):
    def change(packets, rnd):
        out = []
        for i, p in enumerate(packets):
            if not is_tcp(p) or p.cut:
                out.append(p)
                continue
            pieces = divide(p, rnd.choice((8, 64, 552)) if len(p.ip) < 600 else 552, i)
            out += pieces[::-1] if backwards else pieces
        return out
    return change


def twice(packets, _random):
    return [p for p in packets for _ in range(2)]


def tagged(*ids):
    return lambda packets, _random: [p.copy(tags=list(ids)) for p in packets]


def padded(packets, _random):
    return [p if p.cut else p.copy(pad=max(0, 46 - len(p.ip))) for p in packets]


def crossing(packets, _random):
    """Every packet on two interfaces, as `any` shows it."""
    return [q for p in packets for q in (p.copy(ifindex=7), p.copy(ifindex=9, outgoing=True))]


def moved(packets, _random):
    """Years later, and twice as fast."""
    return [p.copy(time=1.2e9 + (p.time - packets[0].time) / 2) for p in packets]


# --- changes that keep the counts of whole conversations ---

def is_whole(trace):
    """Every connection with bytes has a handshake, mail's port, both ends and no reset, and comes once."""
    seen = {}
    for p in trace.packets:
        parts = take_apart(p)
        if parts is None:
            return False
        me, you = key_of(p)
        state = seen.setdefault(frozenset((me, you)), [set(), set(), False, False])
        flags = parts[1][13]
        if flags & SYN:
            state[0].add((me, parts[1][4:8]))
            state[2] |= not flags & ACK and int.from_bytes(you[-2:], "big") in (25, 465, 587, 2525)
        elif carries(p) and len(state[0]) < 2 or flags & RST or p.cut:
            return False
        if flags & FIN:
            state[1].add(me)
        state[3] |= carries(p)
    return all(len(syns) == 2 and len(fins) == 2 and mail for syns, fins, mail, some in seen.values() if some)


def swapped(packets, rnd):
    """A segment is overtaken by the next one of its direction."""
    out = list(packets)
    for i in range(len(out) - 1):
        a, b = out[i], out[i + 1]
        if carries(a) and carries(b) and key_of(a) == key_of(b) and rnd.random() < 0.3 \
                and not (take_apart(a)[1][13] | take_apart(b)[1][13]) & (SYN | FIN | RST):
            out[i], out[i + 1] = b, a
    return out


def neighbours(packets, rnd):
    """Packets change places with the next one, whoever sends it; the handshake and the ends do not."""
    out = list(packets)
    for i in range(len(out) - 1):
        a, b = out[i], out[i + 1]
        if is_tcp(a) and is_tcp(b) and rnd.random() < 0.1 and b.time - a.time < 1 \
                and not (take_apart(a)[1][13] | take_apart(b)[1][13]) & (SYN | FIN | RST):
            out[i], out[i + 1] = b, a
    return out


def repeated(packets, rnd):
    """Segments come again, three packets later."""
    out, due = [], []
    for i, p in enumerate(packets):
        out.append(p)
        out += [q for n, q in due if n == i and p.time - q.time < 1] # nobody repeats what has ended
        due = [(n, q) for n, q in due if n > i]
        if carries(p) and rnd.random() < 0.3 and not take_apart(p)[1][13] & (SYN | FIN | RST):
            due.append((i + 3, p))
    return out


def late(client, count):
    """One direction's tap is late by so many packets; the handshake and resets are not."""
    def change(packets, _random):
        opened, number, out = {}, {}, []
        for i, p in enumerate(packets):
            order = float(i)
            if is_tcp(p):
                me, you = key_of(p)
                flags = take_apart(p)[1][13]
                if flags & (SYN | ACK) == SYN:
                    opened[frozenset((me, you))] = me
                both = frozenset((me, you))
                n = number[both] = number.get(both, 0) + 1
                if n > 3 and opened.get(both) is not None and (opened[both] == me) == client \
                        and not flags & (SYN | RST):
                    # not over a pause: a tap is late by less than a second
                    order += 0.5 + max((k for k in range(1, count + 1) if i + k < len(packets)
                                        and packets[i + k].time - p.time < 1), default=0)
            out.append((order, i, p))
        return [p for _, _, p in sorted(out, key=lambda o: o[:2])]
    return change


CHANGES = {
    "one tag": (tagged(5), ETHERNET), "two tags": (tagged(5, 7), ETHERNET), "padding": (padded, ETHERNET),
    "raw IP": (same, RAW), "loopback": (same, NULL), "cooked": (same, SLL), "cooked, version 2": (same, SLL2),
    "two interfaces": (crossing, SLL2), "other times": (moved, ETHERNET), "other numbers": (shifted_numbers, ETHERNET),
    "options": (with_options, ETHERNET), "IPv6": (as_ipv6, ETHERNET), "in two segments": (split, ETHERNET),
    "super-frames": (joined, ETHERNET), "each twice": (twice, ETHERNET), "divided": (divided(False), ETHERNET),
    "divided, backwards": (divided(True), ETHERNET),
}
DISORDER = {
    "overtaken": swapped, "neighbours": neighbours, "repeated": repeated, "client late by one": late(True, 1), "client late by four": late(True, 4),
    "server late by one": late(False, 1), "server late by four": late(False, 4),
}


# --- counting ---

def write(traces, change, link, path):
    """One capture of all traces, changed."""
    cap, start = Capture(link), 1.0e9
    for trace in traces:
        packets = change(trace.packets, random.Random(trace.name.rsplit("/", 1)[-1]))
        begin = latest = min(p.time for p in packets)
        for p in packets: # the order of the list is that of the capture
            latest = max(latest, p.time)
            cap.packets.append(p.copy(time=start + latest - begin))
        start += latest - begin + 1200
    cap.write(path)


def count(build, path):
    """{client: numbers} as replay tells it, IPv6 names as if they were IPv4's."""
    done = subprocess.run([f"{build}/bulkhead", "replay", "--json", path], capture_output=True, timeout=120, check=True)
    out = {}
    for s in json.loads(done.stdout)["servers"]:
        mapped = re.fullmatch(r"fd01::([0-9a-f]+):([0-9a-f]+)", s["server"])
        name = s["server"] if mapped is None else \
            ".".join(str(b) for b in struct.pack("!HH", *(int(h, 16) for h in mapped.groups())))
        out[name] = tuple(s[n] for n in NUMBERS)
    return out


def compare(what, traces, want, got, excepted):
    """The number of traces whose clients all have the same numbers, and the others told."""
    good = 0
    for index, trace in traces:
        def mine(counts, index=index):
            return {c: n for c, n in counts.items()
                    if c.startswith(f"10.{index + 1}.") or c.startswith(f"fd00:{index + 1:x}:")}
        a, b = mine(want), mine(got)
        if a == b:
            good += 1
        elif trace.name.rsplit("/", 1)[-1] in excepted:
            print(f"ok {what}: {trace.name}: {excepted[trace.name.rsplit('/', 1)[-1]]}")
            good += 1
        else:
            print(f"FAIL {what}: {trace.name}: {' '.join(NUMBERS)} are {a}, counted {b}")
    return good


# Where a change and a capture do not go together: {change: {file: why}}.
EXCEPT = {
    "in two segments": {
        "proxy-protocol.pcap": "half of the signature of a binary PROXY header is two empty lines",
    },
}


def main(build, paths):
    traces = []
    for path in paths:
        trace = read(path, len(traces)) if len(traces) < 254 else None
        if trace is not None:
            traces.append((len(traces), trace))
    whole = [t for t in traces if is_whole(t[1])]
    print(f"{len(traces)} of {len(paths)} captures, {sum(len(t.packets) for _, t in traces)} packets; "
          f"{len(whole)} of whole conversations")
    passed = total = 0
    with tempfile.NamedTemporaryFile(suffix=".pcap") as out:
        def run(what, change, link, some):
            nonlocal passed, total
            write([t for _, t in some], change, link, out.name)
            total += len(some)
            passed += compare(what, some, want, count(build, out.name), EXCEPT.get(what, {}))

        write([t for _, t in traces], same, ETHERNET, out.name)
        want = count(build, out.name)
        # By itself a capture counts as among all the others.
        for index, trace in traces[::8]:
            write([trace], same, ETHERNET, out.name)
            total += 1
            passed += compare("alone", [(index, trace)], want, count(build, out.name), {})
        for what, (change, link) in CHANGES.items():
            run(what, change, link, traces)
        for what, change in DISORDER.items():
            run(what, change, ETHERNET, whole)
    print(f"{passed} passed, {total - passed} failed")
    return 0 if passed == total and total > 0 and whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

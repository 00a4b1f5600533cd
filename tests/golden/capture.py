# SPDX-License-Identifier: ISC
"""
Captures for golden cases, byte by byte: TCP conversations, what happens to their packets on the way, link
layers, and both file formats.  What a case needs beyond smtpgen (tests/gen) it does here.

    cap = Capture()                     # packets in order; change cap.packets as you like before write()
    t = cap.tcp()                       # 10.0.0.1 to 198.51.100.1 port 25
    t.open(); t.greet(); t.message(["a@one.example"]); t.quit()
    cap.write(sys.argv[1])
"""
import socket
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
CLIENT, SERVER = 0, 1
IPV4, IPV6, VLAN, QINQ = 0x0800, 0x86dd, 0x8100, 0x88a8
ETHERNET, NULL, RAW, LOOP, SLL, SLL2 = 1, 0, 101, 108, 113, 276


class Packet:
    """An IP packet at a time, and where it crossed."""

    def __init__(self, time, ip, sender, ifindex=1, outgoing=False):
        self.time, self.ip, self.sender = time, ip, sender
        self.ifindex, self.outgoing = ifindex, outgoing
        self.tags = []          # VLAN ids, outer first
        self.cut = 0            # bytes missing at the end, on the wire all the same
        self.pad = 0            # bytes of padding behind the datagram
        self.frame = None       # instead of ip: link layer included

    def copy(self, **changes):
        p = Packet(self.time, self.ip, self.sender, self.ifindex, self.outgoing)
        p.tags, p.cut, p.pad, p.frame = list(self.tags), self.cut, self.pad, self.frame
        for name, value in changes.items():
            setattr(p, name, value)
        return p


def address(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text)


def ip_header(src, dst, protocol, payload, options=b"", extensions=b"", first=None, more=False, at=0, total=None):
    """IPv4 or IPv6 by the addresses; extensions are whole IPv6 headers, the first of type `first`."""
    if len(src) == 4:
        size = 20 + len(options)
        length = size + len(payload) if total is None else total
        return struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, length, 7, (0x2000 if more else 0) | at // 8, 64,
                           protocol, 0) + src + dst + options + payload
    length = len(extensions) + len(payload) if total is None else total
    return struct.pack("!IHBB", 6 << 28, length, protocol if first is None else first, 64) + src + dst \
        + extensions + payload


def divide(p, size, number, options=b""):
    """Pieces of a packet, at most size bytes of its payload each (divisible by 8); extension headers stay whole."""
    out, v4 = [], p.ip[0] >> 4 == 4
    start = (p.ip[0] & 15) * 4 if v4 else 40
    data, protocol = p.ip[start:], p.ip[9] if v4 else p.ip[6]
    for at in range(0, len(data), size):
        piece, more = data[at:at + size], at + size < len(data)
        if v4:
            ip = bytearray(ip_header(p.ip[12:16], p.ip[16:20], protocol, piece, options=options, more=more, at=at))
            ip[4:6] = struct.pack("!H", number % 65536)
        else:
            head = struct.pack("!BBHI", protocol, 0, at | more, number)
            ip = ip_header(p.ip[8:24], p.ip[24:40], 44, piece, extensions=options + head,
                           first=60 if options else 44)
        out.append(p.copy(ip=bytes(ip)))
    return out


class Tcp:
    """One connection; every method appends packets to the capture."""

    def __init__(self, cap, client, server, port, server_port, isn):
        self.cap = cap
        self.ends = [address(client), address(server)]
        self.ports = [port, server_port]
        self.seq = list(isn)
        self.mss = 1460
        self.step = 0.001       # between packets

    def segment(self, side, data=b"", flags=ACK, seq=None, ack=None, options=b"", **ip):
        """One packet; seq and ack are absolute; the side's number does not move on by itself."""
        seq = self.seq[side] if seq is None else seq
        ack = (self.seq[1 - side] if ack is None else ack) if flags & ACK else 0
        tcp = struct.pack("!HHIIBBHHH", self.ports[side], self.ports[1 - side], seq % 2**32, ack % 2**32,
                          (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + data
        self.cap.time += self.step
        p = Packet(self.cap.time, ip_header(self.ends[side], self.ends[1 - side], 6, tcp, **ip), side)
        self.cap.packets.append(p)
        return p

    def open(self, syn=SYN):
        self.segment(CLIENT, flags=syn)
        self.seq[CLIENT] += 1
        self.segment(SERVER, flags=SYN | ACK)
        self.seq[SERVER] += 1
        self.segment(CLIENT)

    def send(self, side, data, size=None):
        """Data in segments, the last one pushed, and the other side's acknowledgement."""
        data = data.encode() if isinstance(data, str) else data
        size = size or self.mss
        for at in range(0, len(data), size):
            piece = data[at:at + size]
            self.segment(side, piece, ACK | PSH if at + size >= len(data) else ACK)
            self.seq[side] += len(piece)
        self.segment(1 - side)

    def client(self, data, size=None):
        self.send(CLIENT, data, size)

    def server(self, data, size=None):
        self.send(SERVER, data, size)

    def say(self, command, reply):
        self.client(command + "\r\n")
        self.server(reply + "\r\n")

    def greet(self, extensions=("PIPELINING", "8BITMIME", "CHUNKING")):
        self.server("220 mx.example.net ESMTP\r\n")
        self.client("EHLO vm.example.org\r\n")
        self.server("".join(f"250-{line}\r\n" for line in ("mx.example.net", *extensions)) + "250 HELP\r\n")

    def envelope(self, recipients, sender="news@example.org"):
        self.say(f"MAIL FROM:<{sender}>", "250 2.1.0 Ok")
        for r in recipients:
            self.say(f"RCPT TO:<{r}>", "250 2.1.5 Ok")

    def message(self, recipients, text="Subject: hello\r\n\r\nOne line.\r\n", end=".\r\n", reply="250 2.0.0 queued"):
        self.envelope(recipients)
        self.say("DATA", "354 go ahead")
        self.client(text + end)
        self.server(reply + "\r\n")

    def quit(self):
        self.say("QUIT", "221 2.0.0 Bye")
        self.close()

    def close(self, first=SERVER):
        for side in (first, 1 - first):
            self.segment(side, flags=ACK | FIN)
            self.seq[side] += 1
        self.segment(first)

    def reset(self, side=SERVER, flags=RST | ACK):
        self.segment(side, flags=flags)


class Capture:
    def __init__(self, link=ETHERNET, start=1700000000.0):
        self.link = link
        self.time = start
        self.packets = []
        self.next_port = 40001

    def tcp(self, client="10.0.0.1", server="198.51.100.1", port=None, server_port=25, isn=(1000, 5000)):
        if port is None:
            port, self.next_port = self.next_port, self.next_port + 1
        return Tcp(self, client, server, port, server_port, isn)

    def mail(self, *ends):
        """A whole connection with one message, where the dialogue is not what the case is about."""
        t = self.tcp(*ends)
        t.open()
        t.greet()
        t.message(["a@one.example"])
        t.quit()

    def bytes_of(self, p):
        """The frame on its link."""
        if p.frame is not None:
            return p.frame
        kind = IPV6 if p.ip[0] >> 4 == 6 else IPV4
        data = p.ip + bytes(p.pad)
        for i in reversed(range(len(p.tags))):
            data = struct.pack("!HH", p.tags[i], kind) + data
            kind = QINQ if i == 0 and len(p.tags) > 1 else VLAN
        mac = [b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"]
        if self.link == ETHERNET:
            return mac[1 - p.sender] + mac[p.sender] + struct.pack("!H", kind) + data
        if self.link == SLL:
            return struct.pack("!HHH", 4 if p.outgoing else 0, 1, 6) + mac[p.sender] + b"\0\0" \
                + struct.pack("!H", kind) + data
        if self.link == SLL2:
            return struct.pack("!HHIHBB", kind, 0, p.ifindex, 1, 4 if p.outgoing else 0, 6) + mac[p.sender] \
                + b"\0\0" + data
        if self.link == NULL:
            return struct.pack("<I", 30 if kind == IPV6 else 2) + data
        if self.link == LOOP:
            return struct.pack("!I", 30 if kind == IPV6 else 2) + data
        return data

    def write(self, path, big=False, nano=False, snaplen=262144):
        """A pcap file."""
        order = ">" if big else "<"
        with open(path, "wb") as f:
            f.write(struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen, self.link))
            for p in self.packets:
                data, n = self.bytes_of(p), 1000000000 if nano else 1000000
                kept = data[:min(len(data) - p.cut, snaplen)]
                when = round(p.time * 1e6) * (n // 1000000)
                f.write(struct.pack(order + "IIII", when // n, when % n, len(kept), len(data)) + kept)

    def write_ng(self, path, interfaces=None, simple=False, big=False, resolution=None):
        """A pcapng file.  interfaces: [(link, snaplen)]; a packet is on the one of its ifindex, from 0."""
        order = ">" if big else "<"
        interfaces = interfaces or [(self.link, 0)]

        def option(code, value):
            return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

        def block(kind, body):
            body += bytes(-len(body) % 4)
            return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

        end = option(0, b"")
        with open(path, "wb") as f:
            f.write(block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1) + option(1, b"a comment")
                          + option(4, b"tests") + end))
            for link, snaplen in interfaces:
                f.write(block(1, struct.pack(order + "HHI", link, 0, snaplen) + option(2, b"tap7")
                              + (option(9, bytes([resolution])) if resolution is not None else b"") + end))
            f.write(block(4, struct.pack(order + "HH", 0, 0)))                  # names, none
            f.write(block(0x0bad0bad, b"\1\2\3\4\5\6\7"))                       # a kind that nobody knows
            for p in self.packets:
                self.link = interfaces[p.ifindex if p.ifindex < len(interfaces) else 0][0]
                data = self.bytes_of(p)
                kept = data[:len(data) - p.cut]
                when = round(p.time * 1e6) * 10 ** (0 if resolution is None else resolution - 6)
                if simple:
                    f.write(block(3, struct.pack(order + "I", len(data)) + kept))
                    continue
                where = p.ifindex if p.ifindex < len(interfaces) else 0
                f.write(block(6, struct.pack(order + "IIIII", where, when >> 32, when & 0xffffffff, len(kept),
                                             len(data)) + kept + bytes(-len(kept) % 4)
                              + option(1, b"a packet's comment") + end))

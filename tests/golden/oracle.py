#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
An independent reading of a capture: tshark takes the packets apart, this pairs commands and replies by
RFC 5321, 3030, 3207 and 4954, with both directions of a connection known from beginning to end.  It shares
neither code nor method with the sensor, which reads once, as it passes, and never goes back.

oracle.py FILE: one line per client, as replay counts it:
  client sessions messages accepted rejected deferred failed
oracle.py --dialogue FILE: what was paired with what, to find out why two readings differ.
"""
import re
import subprocess
import sys

MAIL_PORTS = {25, 465, 587, 2525}
FIELDS = ("frame.time_epoch frame.protocols tcp.stream ip.src ip.dst ipv6.src ipv6.dst tcp.srcport tcp.dstport "
          "tcp.flags tcp.seq_raw tcp.len tcp.payload").split()
FIN, SYN, RST, ACK = 1, 2, 4, 16
VERB = re.compile(rb"(EHLO|HELO|LHLO|MAIL|RCPT|DATA|BDAT|RSET|QUIT|NOOP|VRFY|EXPN|HELP|STARTTLS|AUTH|ETRN|XCLIENT|"
                  rb"XFORWARD|TURN|SEND|SOML|SAML|BURL)(?=[ \t\r\n]|$)", re.I)
REPLY = re.compile(rb"([2-5][0-9][0-9])([- \t].*)?$", re.S)
DOT = re.compile(rb"\r?\n\.\r?\n")
IDLE = 600 # seconds: RFC 5321 4.5.3.2, nobody waits longer


class Direction:
    """One direction of a connection: its bytes in order, and at which packet each piece was sent."""

    def __init__(self):
        self.first = None       # sequence number of the first byte
        self.syn = False
        self.segments = []      # (offset, bytes, length on the wire, packet) in the order of their arrival

    def add(self, seq, data, length, packet):
        if self.first is None:
            self.first = seq
        at = (seq - self.first + 2**31) % 2**32 - 2**31
        self.segments.append((at, data, length, packet))

    def read(self, fill=b"\0"):
        """(bytes, [(offset, packet)], lost bytes): what came first wins; fill stands for each lost byte."""
        start = 0 if self.syn else min((s[0] for s in self.segments), default=0)
        near = [s for s in self.segments if s[0] < 2**26]
        size = max((at + length for at, _, length, _ in near), default=start) - start
        out, have, marks = bytearray(fill * size), bytearray(size), []
        for at, data, length, packet in near:
            at -= start
            if at < 0:
                data, length, at = data[-at:], length + at, 0
            if length <= 0:
                continue
            if have.count(0, at, at + length):
                marks.append((at + have[at:at + length].find(0), packet))
            if not any(have[at:at + len(data)]):
                out[at:at + len(data)] = data
                have[at:at + len(data)] = b"\1" * len(data)
                continue
            for i, byte in enumerate(data):
                if not have[at + i]:
                    out[at + i], have[at + i] = byte, 1
        return bytes(out), sorted(marks), have.count(0)


def packet_of(marks, offset):
    """The packet in which the byte at offset was sent."""
    found = 0
    for at, packet in marks:
        if at > offset:
            break
        found = packet
    return found


class Connection:
    def __init__(self, a, b):
        self.a, self.b = a, b           # a opened it, as far as known
        self.known = False              # a SYN said so
        self.answered = False
        self.sent = {a: Direction(), b: Direction()}
        self.times = []
        self.reset = False

    def packet(self, number, time, src, dst, flags, seq, length, data):
        self.times.append(time)
        if flags & SYN:
            client, server = (dst, src) if flags & ACK else (src, dst)
            self.answered |= bool(flags & ACK)
            self.a, self.b, self.known = client, server, True
            self.sent[src].first, self.sent[src].syn = (seq + 1) % 2**32, True
            seq += 1
        if flags & RST:
            self.reset = True
            return
        if length:
            self.sent[src].add(seq % 2**32, data, length, number)


def replies_of(data, marks):
    """[(code, packet of its last line, text)]; lines that are no reply are skipped."""
    out, at = [], 0
    for line in re.findall(rb"[^\n]*\n", data): # a CR alone ends no line (RFC 5321 2.3.8)
        at += len(line)
        m = REPLY.match(line.rstrip(b"\r\n"))
        if m and not (m.group(2) or b" ").startswith(b"-"):
            out.append((int(m.group(1)), packet_of(marks, at - 1), line.rstrip()))
    return out


def proxy_header(data):
    """Bytes of HAProxy's PROXY header, which has no reply."""
    if data.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
        return 16 + int.from_bytes(data[14:16], "big")
    return data.find(b"\n") + 1 if data.startswith(b"PROXY ") else 0


class Dialogue:
    """Both sides complete: walk the client's bytes, take one reply for what needs one."""

    def __init__(self, client, server, midstream, log):
        self.data, self.marks, self.lost = client
        self.replies = replies_of(server[0], server[1])
        self.next = 0
        self.at = 0
        self.log = log
        self.messages = self.accepted = self.rejected = self.deferred = 0
        self.is_smtp = False
        self.tls = False
        self.lmtp = False
        self.open_recipients = 0
        if midstream:
            self.align()
        else:
            self.at = proxy_header(self.data)
            self.take("greeting")
        while self.at < len(self.data) and not self.tls:
            self.command()

    def take(self, what):
        reply = self.replies[self.next] if self.next < len(self.replies) else (0, 0, b"(none)")
        self.next += 1
        if self.log:
            print(f"    {what:60.60} {reply[2][:60].decode('latin1')}")
        return reply[0]

    def align(self):
        """Begun before the capture: forget what was said before the first packet that is a command."""
        begin = next((at for at, _ in self.marks if VERB.match(self.data[at:])), len(self.data))
        end = re.search(rb"\r\n\.\r\n(?=$|[A-Z]{4})", self.data[:begin + 80], re.I)
        body = end is not None
        if body:
            begin = end.end()
        packet = packet_of(self.marks, begin) if begin < len(self.data) else 2**62
        while self.next < len(self.replies) and self.replies[self.next][1] < packet:
            code = self.take("(before the capture)")
            self.messages += body and 200 <= code < 300 # its end was sent, and this answers it
            body = body and code // 100 == 3
        self.at = begin

    def line(self):
        end = self.data.find(b"\n", self.at)
        if end < 0:
            line, self.at = self.data[self.at:], len(self.data)
            return line, False
        line, self.at = self.data[self.at:end + 1], end + 1
        return line, True

    def command(self):
        if self.data[self.at] in (0x14, 0x15, 0x16, 0x17) and self.data[self.at + 1:self.at + 2] == b"\x03":
            self.tls = True # the reply that allowed it is not in the capture
            return
        start = self.at
        line, whole = self.line()
        m = VERB.match(line.lstrip(b" \t"))
        if not whole:
            return
        verb = m.group(1).upper() if m else b"?"
        if m:
            self.is_smtp = True
        if self.log:
            print(f"  {line.rstrip()[:70].decode('latin1')}")
        if verb == b"BDAT":
            self.chunk(line)
        elif verb == b"AUTH":
            code = self.take("AUTH")
            while code == 334 and self.at < len(self.data):
                self.line()
                code = self.take("(answer)")
        else:
            self.plain(verb, start)

    def plain(self, verb, start):
        code = self.take(verb.decode("latin1"))
        if verb == b"RCPT":
            self.accepted += 200 <= code < 300
            self.open_recipients += 200 <= code < 300
            self.deferred += 300 <= code < 500
            self.rejected += code >= 500
        elif verb == b"MAIL" and 200 <= code < 300 or verb in (b"EHLO", b"HELO", b"RSET", b"LHLO"):
            self.open_recipients = 0
            self.lmtp |= verb == b"LHLO"
        elif verb == b"DATA" and code == 354:
            self.body()
        elif verb == b"STARTTLS" and 200 <= code < 300:
            self.tls = True

    def ended(self):
        """The end of a message was sent: one reply; LMTP has one per accepted recipient (RFC 2033 4.2)."""
        codes = [self.take("(end of message)") for _ in range(max(1, self.open_recipients) if self.lmtp else 1)]
        self.messages += any(200 <= c < 300 for c in codes)
        self.open_recipients = 0

    def body(self):
        answer = self.replies[self.next][1] if self.next < len(self.replies) else None
        before = b"\r\n"                # an empty body: the dot stands in the first line
        text = before + self.data[self.at:]
        ends = [(m.end() - 2 + self.at, m.group() == b"\r\n.\r\n") for m in DOT.finditer(text)]
        strict = [e for e, crlf in ends if crlf]
        # A server that takes bare line feeds has answered before CRLF.CRLF was sent.
        if answer is not None and ends:
            early = [e for e, _ in ends if packet_of(self.marks, e - 1) < answer]
            if early and (not strict or packet_of(self.marks, strict[0] - 1) > answer):
                strict = [early[-1]]
        # Answered before its end, and the client speaks of something else: it gave the message up.
        given_up = [at for at, packet in self.marks if answer is not None and not self.lost and at > self.at
                    and packet > answer and VERB.match(self.data[at:])]
        if strict and given_up and given_up[0] < strict[0]:
            self.ended()
            self.at = given_up[0]
        elif strict:
            self.at = strict[0]
            self.ended()
        elif answer is not None:        # its end is not in the capture, but it was answered
            self.ended()
            left = [at for at, packet in self.marks if packet > answer]
            self.at = left[0] if left else len(self.data)
        else:
            self.at = len(self.data)

    def chunk(self, line):
        m = re.match(rb"\s*BDAT\s+(\d+)(\s+LAST)?\s*$", line, re.I)
        if not m or int(m.group(1)) >= 2**32:
            self.take("BDAT?")
            return
        self.at += int(m.group(1))
        if m.group(2):
            self.ended()
        else:
            self.take("BDAT")


def read_packets(path):
    command = ["tshark", "-r", path, "-n", "-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE",
               "-Y", "tcp and not icmp and not icmpv6", "-T", "fields", "-E", "occurrence=l"]
    for f in FIELDS:
        command += ["-e", f]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    for number, row in enumerate(run.stdout.decode("latin1").splitlines()):
        f = row.split("\t")
        if len(f) != len(FIELDS) or not f[2] or not f[10]:
            continue
        layers = f[1].split(":")
        v6 = "ipv6" in layers and ("ip" not in layers or layers[::-1].index("ipv6") < layers[::-1].index("ip"))
        src = (f[5] if v6 else f[3], int(f[7]))
        dst = (f[6] if v6 else f[4], int(f[8]))
        yield (number, float(f[0] or 0), int(f[2]), src, dst, int(f[9], 16), int(f[10]), int(f[11]),
               bytes.fromhex(f[12].replace(":", "")))


def connections(path):
    found, last, serial = {}, {}, 0
    for number, time, stream, src, dst, flags, seq, length, data in read_packets(path):
        if time - last.get(stream, time) > IDLE: # replay ends what is idle; the rest is another session
            serial += 1
            found[("old", serial)] = found.pop(stream)
        last[stream] = time
        if stream not in found:
            found[stream] = Connection(src, dst)
        found[stream].packet(number, time, src, dst, flags, seq, length, data)
    return found.values()


def roles(c):
    """Who is the client of a connection whose SYN was not seen: mail ports, then the first words."""
    if c.known:
        return c.a, c.b
    for a, b in ((c.a, c.b), (c.b, c.a)):
        if b[1] in MAIL_PORTS and a[1] not in MAIL_PORTS:
            return a, b
    first = c.sent[c.a].read()[0]
    return (c.b, c.a) if REPLY.match(first.split(b"\r\n")[0]) else (c.a, c.b)


def speaks(dialogue, greeting, client, server):
    """Is it SMTP?  A mail port and a greeting or command; elsewhere a command that nobody else begins with."""
    if server[1] in MAIL_PORTS:
        return dialogue.is_smtp or bool(re.match(rb"(220|421|521|554)[ -]", greeting))
    return bool(re.match(rb"220[ -]", greeting)) and bool(re.match(rb"(EHLO|HELO|LHLO|MAIL FROM:) ?", client, re.I)) \
        or bool(re.match(rb"(EHLO|HELO) |MAIL FROM:|RCPT TO:", client, re.I))


def main():
    log = sys.argv[1] == "--dialogue"
    totals = {}
    for c in connections(sys.argv[-1]):
        client, server = roles(c)
        row = totals.setdefault(client[0], [0] * 6)
        to, back = c.sent[client].read(), c.sent[server].read(b"\n") # a line of the server ends where it is cut
        if not to[0] and not back[0]:
            attempted = c.known and not c.answered and server[1] in MAIL_PORTS
            row[5] += attempted
            continue
        if log:
            print(f"{client} -> {server}, lost {to[2]} and {back[2]}")
        if server[1] == 465 and to[0][:2] == b"\x16\x03":
            row[0] += 1
            continue
        d = Dialogue(to, back, not (c.sent[client].syn or c.sent[server].syn), log)
        if not speaks(d, back[0], to[0], server):
            continue
        row[0] += 1
        for i, n in enumerate((d.messages, d.accepted, d.rejected, d.deferred)):
            row[1 + i] += n
    for client in sorted(totals):
        if any(totals[client]):
            print(client, *totals[client])


main()

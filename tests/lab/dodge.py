#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A tenant (or the switch behind the uplink) between its own TCP and the wire.

dodge.py wrap WIRE TAP FILE     makes the tap, whose kernel does ordinary TCP, and carries its frames to the link WIRE;
                                what goes to TCP port 25 takes the shape that the file names at the moment
dodge.py unwrap WIRE TAP -      takes tags and SNAP off what comes from the wire, as a trunk's sub-interface does

Runs until it is ended; prints "ready".  Frames that come back lose their tags, and their TCP checksums are made
anew: a veth leaves them to hardware."""
import fcntl
import os
import select
import socket
import struct
import sys

PORT = 25


def sum16(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total


def tag(protocol, vid):
    return struct.pack("!HH", protocol, vid)


def with_tags(*tags):
    def shape(mac, kind, packet):
        return [mac + b"".join(tags) + struct.pack("!H", kind) + packet]
    return shape


def snap(kind, packet):
    body = b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + packet
    return struct.pack("!H", len(body)) + body


def header4(packet, options=b"", fragment=None, payload=None):
    """The IPv4 packet with options, or a piece (offset in bytes, more) of its payload."""
    size = (packet[0] & 15) * 4
    payload = packet[size:] if payload is None else payload
    head = bytearray(packet[:20])
    head[0] = 0x45 + len(options) // 4
    if fragment is not None:
        head[6:8] = struct.pack("!H", fragment[0] // 8 | (0x2000 if fragment[1] else 0))
    head[2:4] = struct.pack("!H", 20 + len(options) + len(payload))
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", 0xFFFF ^ sum16(bytes(head) + options))
    return bytes(head) + options + payload


def options4(options):
    return lambda mac, kind, packet: [mac + struct.pack("!H", kind) + header4(packet, options)]


def pieces4(first, backwards=False, tags=b""):
    def shape(mac, kind, packet):
        payload = packet[20:]
        out = [mac + tags + struct.pack("!H", kind) + header4(packet, b"", (at, more), part) for at, more, part in
               ((0, True, payload[:first]), (first, False, payload[first:]))]
        return out[::-1] if backwards else out
    return shape


def headers6(packet, *headers):
    """Extension headers (type, bytes behind the next-header byte) in front of the payload."""
    following, body = packet[6], packet[40:]
    for kind, rest in reversed(headers):
        body = bytes([following]) + rest + body
        following = kind
    return packet[:4] + struct.pack("!H", len(body)) + bytes([following]) + packet[7:40] + body


PAD = b"\0\1\4\0\0\0\0"  # length 0, PadN of 4
ROUTING = b"\0\xfd\0\0\0\0\0"  # an experimental type (RFC 4727), no segments left: to be ignored
ATOMIC = b"\0\0\0\0\0\0\1"


def extended6(*headers, tags=b""):
    return lambda mac, kind, packet: [mac + tags + struct.pack("!H", kind) + headers6(packet, *headers)]


serial = 0


def pieces6(first, *inside, backwards=False):
    def shape(mac, kind, packet):
        global serial
        serial += 1
        whole = headers6(packet, *inside)
        following, body = whole[6], whole[40:]
        out = []
        for at, more, part in ((0, 1, body[:first]), (first, 0, body[first:])):
            piece = struct.pack("!BBHI", following, 0, at | more, serial) + part
            out.append(mac + struct.pack("!H", kind) + whole[:4] + struct.pack("!H", len(piece)) + b"\x2c" +
                       whole[7:40] + piece)
        return out[::-1] if backwards else out
    return shape


C, S, OLD = 0x8100, 0x88A8, 0x9100
ANY = {
    "plain": with_tags(),
    "priority": with_tags(tag(C, 0)),
    "priority-twice": with_tags(tag(C, 0), tag(C, 0)),
    "802.1q": with_tags(tag(C, 100)),
    "802.1ad": with_tags(tag(S, 100)),
    "qinq": with_tags(tag(S, 100), tag(C, 200)),
    "q-in-q": with_tags(tag(C, 100), tag(C, 200)),
    "three-tags": with_tags(tag(S, 1), tag(C, 2), tag(C, 3)),
    "four-tags": with_tags(tag(S, 1), tag(C, 2), tag(C, 3), tag(C, 4)),
    "tpid-9100": with_tags(tag(OLD, 100)),
    "tpid-9100-q": with_tags(tag(OLD, 100), tag(C, 200)),
    "snap": lambda mac, kind, packet: [mac + snap(kind, packet)],
    "snap-in-q": lambda mac, kind, packet: [mac + tag(C, 100) + snap(kind, packet)],
    "snap-in-qinq": lambda mac, kind, packet: [mac + tag(S, 100) + tag(C, 200) + snap(kind, packet)],
}
FOUR = {
    "options": options4(b"\1\1\1\0"),
    "options-40": options4(b"\1" * 39 + b"\0"),
    "record-route": options4(b"\7\7\4\0\0\0\0\0"),
    "fragments": pieces4(8),
    "fragments-backwards": pieces4(16, True),
    "qinq-options": lambda mac, kind, packet: [mac + tag(S, 1) + tag(C, 2) + struct.pack("!H", kind) +
                                               header4(packet, b"\1\1\1\0")],
    "qinq-fragments": pieces4(8, tags=tag(S, 1) + tag(C, 2)),
}
SIX = {
    "hop-by-hop": extended6((0, PAD)),
    "destination": extended6((60, PAD)),
    "routing": extended6((43, ROUTING)),
    "atomic": extended6((44, ATOMIC)),
    "chain": extended6((0, PAD), (60, PAD), (43, ROUTING), (44, ATOMIC), (60, PAD)),
    # Linux refuses a first fragment without the whole TCP header.
    "fragments6": pieces6(24),
    "fragments6-backwards": pieces6(24, backwards=True),
    "fragments6-extended": pieces6(32, (60, PAD)),
    "fragments6-tiny": pieces6(8),
    "fragments6-hidden": pieces6(8, (60, PAD)),
    "qinq-destination": extended6((60, PAD), tags=tag(S, 1) + tag(C, 2)),
}
SHAPES = {**ANY, **FOUR, **SIX}


def destination_port(kind, packet):
    if kind == 0x0800 and packet[9] == 6:
        return struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)[0]
    if kind == 0x86DD and packet[6] == 6:
        return struct.unpack_from("!H", packet, 42)[0]
    return 0


def outward(name_file, frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    if destination_port(kind, frame[14:]) != PORT:
        return [frame]
    packet = frame[14:]
    if kind == 0x0800:  # without padding
        packet = packet[:struct.unpack_from("!H", packet, 2)[0]]
    with open(name_file, encoding="ascii") as text:
        return SHAPES[text.read().strip()](frame[:12], kind, packet)


def inward(frame):
    """An ordinary frame with a good checksum."""
    at = 12
    while at + 4 <= len(frame) and struct.unpack_from("!H", frame, at)[0] in (C, S, OLD, 0x9200):
        at += 4
    kind = struct.unpack_from("!H", frame, at)[0]
    rest = frame[at + 2:]
    if kind < 0x600 and rest[:3] == b"\xaa\xaa\x03":
        kind, rest = struct.unpack_from("!H", rest, 6)[0], rest[8:kind]
    rest = bytearray(rest)
    if kind == 0x0800 and rest[9] == 6 and not struct.unpack_from("!H", rest, 6)[0] & 0x3FFF:
        size, total = (rest[0] & 15) * 4, struct.unpack_from("!H", rest, 2)[0]
        fill(rest, size, total, bytes(rest[12:20]))
    elif kind == 0x86DD and rest[6] == 6:
        fill(rest, 40, 40 + struct.unpack_from("!H", rest, 4)[0], bytes(rest[8:40]))
    return frame[:12] + struct.pack("!H", kind) + bytes(rest)


def fill(packet, at, end, addresses):
    packet[at + 16:at + 18] = b"\0\0"
    pseudo = addresses + struct.pack("!II", end - at, 6)
    packet[at + 16:at + 18] = struct.pack("!H", 0xFFFF ^ sum16(pseudo + bytes(packet[at:end])))


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH", name.encode(), 0x1002))  # TUNSETIFF: TAP, no header
    return tap


def open_wire(name):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((name, 3))
    wire.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the kernel has taken the first tag off
    wire.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
    return wire


def main():
    verb, wire_name, tap_name, name = sys.argv[1:5]
    tap, wire = open_tap(tap_name), open_wire(wire_name)
    print("ready", flush=True)
    while True:
        for source in select.select([tap, wire], [], [])[0]:
            try:
                if source is tap:
                    frame = os.read(tap, 65536)
                    for piece in outward(name, frame) if verb == "wrap" else [frame]:
                        wire.send(piece)
                else:
                    os.write(tap, inward(wire.recv(65536)))
            except OSError:
                pass  # the tap is down, or the frame too long for the wire


if len(sys.argv) == 2:
    print(*{"any": ANY, "four": FOUR, "six": SIX}[sys.argv[1]])
else:
    main()

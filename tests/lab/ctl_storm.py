#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""ctl_storm.py SOCKET SERVERS COUNT: as many decisions as fit, over one connection to the guard: servers vm1... are
blocked and released by turns.  Prints how many were taken, refused, and in how many milliseconds."""
import json
import random
import socket
import struct
import sys
import time


def ask(peer, command, args):
    data = json.dumps({"version": 1, "command": command, "args": args}).encode()
    peer.sendall(struct.pack("!I", len(data)) + data)
    size = struct.unpack("!I", peer.recv(4, socket.MSG_WAITALL))[0]
    return json.loads(peer.recv(size, socket.MSG_WAITALL))


def main():
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(sys.argv[1])
    servers, count = int(sys.argv[2]), int(sys.argv[3])
    blocked, done, refused = set(), 0, 0
    begin = time.monotonic()
    for _ in range(count):
        name = f"vm{random.randint(1, servers)}"
        verb = "release" if name in blocked else "block"
        args = {"server": name, "reason": "storm"}
        if verb == "block":
            args |= {"for_s": 3600, "pin": False}
        if ask(peer, verb, args).get("ok"):
            done += 1
            blocked.symmetric_difference_update({name})
        else:
            refused += 1
    print(f"{done} taken {refused} refused in {int((time.monotonic() - begin) * 1000)} ms")


main()

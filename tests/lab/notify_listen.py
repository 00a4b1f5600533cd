# SPDX-License-Identifier: ISC
# A service manager's ear: notify_listen.py SOCKET FILE appends what arrives on the datagram socket, a line each.
import os
import socket
import sys

ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
with open(sys.argv[2], "ab", buffering=0) as out:
    while True:
        out.write(ear.recv(4096) + b"\n")

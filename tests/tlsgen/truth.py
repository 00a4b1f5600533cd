#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What the sessions of a capture really did, from the servers' logs.

truth.py JOBS CAPTURE PEERS LABDIR: one JSON line per TCP connection to a server:
  client, port, server, server_port: the ends          client_family, server_family, tune, tiny, auth: of the job
  messages: [[accepted recipients, bytes], ...] in order  rejected: refused and deferred recipients
"""
import collections
import json
import re
import subprocess
import sys

JOBS, CAPTURE, PEERS, LABDIR = sys.argv[1:5]
messages, rejected = collections.defaultdict(list), collections.Counter()


def lines(path):
    try:
        with open(path, errors="replace") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def read_python():
    for line in lines(PEERS + "/python.events"):
        e = json.loads(line)
        if "rejected" in e:
            rejected[e["client"], e["port"]] += 1
        else:
            messages[e["client"], e["port"]].append([e["recipients"], e["bytes"]])


def read_postfix():
    queued = {}
    for line in lines(PEERS + "/postfix-server/mail.log"):
        if m := re.search(r"smtpd\[\d+\]: (\w+): client=\S*\[([\d.]+)\]:(\d+)", line):
            queued[m[1]] = (m[2], int(m[3]))
        elif m := re.search(r"reject: RCPT from \S*\[([\d.]+)\]:(\d+): [45]", line):
            rejected[m[1], int(m[2])] += 1
        elif (m := re.search(r"qmgr\[\d+\]: (\w+): from=.*size=(\d+), nrcpt=(\d+)", line)) and m[1] in queued:
            messages[queued.pop(m[1])].append([int(m[3]), int(m[2])])


def read_exim():
    for line in lines(PEERS + "/exim-server/mainlog"):
        if m := re.search(r" <= \S+ H=.*?\[([\d.]+)\]:(\d+) .* S=(\d+).* for (.*)$", line):
            messages[m[1], int(m[2])].append([len(m[4].split()), int(m[3])])
    for line in lines(PEERS + "/exim-server/mainlog"):
        if m := re.search(r"\[([\d.]+)\]:(\d+) .*rejected RCPT <", line):
            rejected[m[1], int(m[2])] += 1


def read_sendmail(ends):
    """It writes the dialogue down, one process per session, and no addresses: sessions and connections in order."""
    ends, session, taken, size, in_body = iter(ends), {}, {}, {}, {}
    for line in lines(PEERS + "/sendmail-server/traffic"):
        pid, way, text = (line.split(" ", 2) + [""])[:3]
        if way == ">>>" and text.startswith("220 ") and pid not in session:
            session[pid], taken[pid], size[pid] = next(ends, None), 0, 0
        elif pid not in session:
            continue
        elif way == "<<<":
            if in_body.get(pid):
                size[pid] += len(text) + 2
                in_body[pid] = text != "."
            elif text[:5].upper() in ("MAIL ", "RSET"):
                taken[pid] = size[pid] = 0
            elif text[:5].upper() == "RCPT ":
                in_body[pid] = False
        elif text.startswith("250 2.1.5 ") and "Recipient ok" in text:
            taken[pid] += 1
        elif re.match(r"(550 5.1.1|451 4.7.1) ", text):
            rejected[session[pid]] += 1
        elif text.startswith("354 "):
            in_body[pid] = True
        elif re.match(r"250 2.0.0 \S+ Message accepted", text):
            messages[session[pid]].append([taken[pid], size[pid]])
            taken[pid] = size[pid] = 0


def connections():
    """The ends of every connection of the capture, in order."""
    text = subprocess.run(["tcpdump", "-nn", "-r", CAPTURE, "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    seen = set()
    for m in re.finditer(r"IP ([\d.]+)\.(\d+) > ([\d.]+)\.(\d+): Flags \[S", text):
        ends = (m[1], int(m[2]), m[3], int(m[4]))
        if ends[3] != 9 and ends not in seen:
            seen.add(ends)
            yield ends


def main():
    jobs = {}
    for line in lines(JOBS):
        job = json.loads(line)
        jobs[job["source"]] = job
    ends = list(connections())
    read_python()
    read_postfix()
    read_exim()
    read_sendmail([(c, p) for c, p, server, _ in ends if server == "198.51.100.10"])
    for client, port, server, server_port in ends:
        job = jobs.get(client)
        if job is None:
            continue
        print(json.dumps({
            "client": client, "port": port, "server": server, "server_port": server_port,
            "client_family": job["client"], "server_family": job["server"], "tune": job["tune"], "tiny": job["tiny"],
            "auth": job["auth"], "messages": messages[client, port], "rejected": rejected[client, port]}))


main()

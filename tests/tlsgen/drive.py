#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Has every client send its jobs from the tenant of the lab; each job has a source address of its own.

drive.py PEERS SEED JOBS SET OUT: writes one JSON line per job to OUT: its source address, client and server.
"""
import json
import os
import random
import smtplib
import ssl
import subprocess
import sys
import time

import styles

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS, SEED, JOBS, SET, OUT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
DEADLINE = 40  # seconds for one job
rnd = random.Random(SEED)

# The addresses of servers.sh and provider.py.
SERVERS = {1: "Postfix", 2: "Postfix", 3: "Postfix", 4: "Exim", 5: "Exim", 8: "aiosmtpd", 9: "aiosmtpd", 10: "sendmail",
           11: "Google-like", 12: "Microsoft-like", 13: "Yahoo-like", 14: "Mail.ru-like", 15: "Yandex-like",
           16: "Google-like", 17: "Microsoft-like"}
AUTH_SERVERS = {4, 5, 8, 9, 11, 12, 13, 14, 15, 16, 17}
# What the model may be set by; the rest is only ever looked at as a table.
TUNE_SERVERS = [1, 2, 3, 4, 5, 11, 12, 16]
WORDS = ("the of and account invoice please update your payment order customer team service click here regards attached "
         "meeting report monday information secure offer limited discount").split()


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE, **more)


# --- what a job sends ---

def text_of(size):
    text = ("From: Sender <s%d@tenant.example>\nTo: you@dest.example\nSubject: %s %s\nMessage-ID: <%x@vm.tenant.example>\n"
            "Date: Mon, 03 Mar 2025 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" % (
                rnd.randrange(99), rnd.choice(WORDS), rnd.choice(WORDS), rnd.getrandbits(64)))
    if size < 300:  # a monitoring script's
        text = "Subject: %s\n\n" % rnd.choice(WORDS)
    while len(text) < size:
        text += " ".join(rnd.choice(WORDS) for _ in range(rnd.randrange(1, 10))) + "\n"
    return text


def messages_of(count, domain, most, refusing, tiny):
    out, kind = [], rnd.random()
    for i in range(count):
        if tiny:
            size = rnd.randrange(15, 400)
        elif kind < .3 and out:  # a mailing: all alike
            size = len(out[0]["text"]) + rnd.randrange(40)
        else:
            size = int(min(200000, max(350, rnd.lognormvariate(8.5, 1.2))))
        to = []
        for k in range(rnd.choice([1, 1, 1, 1, 2, 3, 5, 10, 20, 50]) if most > 1 else 1):
            who = "u" if rnd.random() >= refusing else rnd.choice(["nobody", "nobody", "grey"])
            to.append("%s%d.%d%s@%s" % (who, i, rnd.randrange(10 ** rnd.randrange(1, 6)), chr(97 + k % 26) * (k // 26 + 1), domain))
        out.append({"from": "bounce+%d@tenant.example" % rnd.randrange(10 ** rnd.randrange(1, 9)),
                    "to": sorted(set(to[:most])), "text": text_of(size)})
    return out


# --- the clients ---

def with_json(command):
    def send(job):
        path = os.path.join(PEERS, "job.json")
        with open(path, "w") as f:
            json.dump(job, f)
        run(command + [path], env=dict(os.environ, NODE_PATH="/usr/share/nodejs:/usr/lib/nodejs"))
    return send


def message_file(message, i=0):
    path = os.path.join(PEERS, "message%d" % i)
    with open(path, "w", newline="") as f:
        f.write(message["text"].replace("\n", "\r\n"))
    return path


def python_smtplib(job):
    context = ssl._create_unverified_context()
    if job["wrapped"]:
        s = smtplib.SMTP_SSL(job["host"], job["port"], "vm.tenant.example", context=context, timeout=20)
    else:
        s = smtplib.SMTP(job["host"], job["port"], "vm.tenant.example", timeout=20)
        s.starttls(context=context)
    if job["auth"]:
        s.login("user", "secret")
    for m in job["messages"]:
        try:
            s.sendmail(m["from"], m["to"], m["text"])
        except smtplib.SMTPRecipientsRefused:
            pass
    s.quit()


def swaks(job, *more):
    for m in job["messages"]:
        run(["swaks", "--server", "%s:%d" % (job["host"], job["port"]), "--tls-on-connect" if job["wrapped"] else "-tls",
             "--ehlo", "vm.tenant.example", "--from", m["from"], "--to", ",".join(m["to"]), "--data",
             "@" + message_file(m), *(["-au", "user", "-ap", "secret"] if job["auth"] else []), *more])


def curl(job):
    command = ["curl"]
    for i, m in enumerate(job["messages"]):
        command += ["--next"] if i else []
        command += ["-s", "-k", "--ssl-reqd", "--mail-rcpt-allowfails", "--mail-from", m["from"],
                    "smtp%s://%s:%d/vm.tenant.example" % ("s" if job["wrapped"] else "", job["host"], job["port"]),
                    "-T", message_file(m, i)]
        command += ["--user", "user:secret"] if job["auth"] else []
        for to in m["to"]:
            command += ["--mail-rcpt", to]
    run(command)


def msmtp(job):
    for m in job["messages"]:
        run(["msmtp", "--host=" + job["host"], "--port=%d" % job["port"], "--tls=on", "--tls-certcheck=off",
             "--tls-starttls=" + ("off" if job["wrapped"] else "on"), "--domain=vm.tenant.example", "--from=" + m["from"],
             *(["--auth=on", "--user=user", "--passwordeval=echo secret"] if job["auth"] else []), *m["to"]],
            input=m["text"].encode())


def s_nail(job):
    for m in job["messages"]:
        run(["s-nail", "-:/", "-S", "v15-compat=yes", "-S", "tls-verify=ignore", "-S", "smtp-auth=none", "-S",
             "mta=smtp%s://%s:%d" % ("s" if job["wrapped"] else "", job["host"], job["port"]), "-S", "smtp-use-starttls",
             "-S", "from=" + m["from"], "-S", "hostname=vm.tenant.example", "-s", "News", *m["to"]],
            input=m["text"].encode(), env=dict(os.environ, HOME=PEERS))


def dma(job):
    with open("/etc/dma/dma.conf", "w") as f:
        f.write("SMARTHOST %s\nPORT %d\nSECURETRANSFER\nMAILNAME vm.tenant.example\n%s" % (
            job["host"], job["port"], "" if job["wrapped"] else "STARTTLS\n"))
    for m in job["messages"]:
        run(["dma", "-i", "-f", m["from"], *m["to"]], input=m["text"].encode())


def nullmailer(job):
    for m in job["messages"]:
        with open(os.path.join(PEERS, "nullmailer"), "w") as f:
            f.write(m["from"] + "\n" + "".join(to + "\n" for to in m["to"]) + "\n" + m["text"])
        run(["sh", "-c", 'exec /usr/lib/nullmailer/smtp "$@" 3<"$0" </dev/null', f.name, "--host=" + job["host"],
             "--port=%d" % job["port"], "--insecure",
             "--ssl" if job["wrapped"] else "--starttls"], env=dict(os.environ, HELOHOST="vm.tenant.example"))


def through_mta(port):
    """Gives the messages to an MTA on loopback in one connection."""
    def send(job):
        s = smtplib.SMTP("127.0.0.1", port, timeout=20)
        for m in job["messages"]:
            s.sendmail(m["from"], m["to"], m["text"])
        s.quit()
    return send


def queue_files(*folders):
    return sum(len(files) for folder in folders for _, _, files in os.walk(os.path.join(PEERS, folder)))


def postfix(job):
    through_mta(2526)(job)
    queues = ["postfix-client/queue/" + name for name in ("maildrop", "incoming", "active")]
    wait_until(lambda: queue_files(*queues) == 0)
    run(["postsuper", "-c", PEERS + "/postfix-client", "-d", "ALL"])


def exim(job):
    command = ["exim4", "-C", PEERS + "/exim-client/exim.conf"]
    for m in job["messages"]:
        run(command + ["-odq", "-i", "-f", m["from"], *m["to"]], input=m["text"].encode())
    run(command + ["-qqff"])
    for _, _, files in os.walk(PEERS + "/exim-client/spool/input"):
        ids = {name[:-2] for name in files if name.endswith("-H")}
        if ids:
            run(command + ["-Mrm", *ids])


def style(name):
    return lambda job: styles.send(job, name)


class Client:
    def __init__(self, name, send, tune=False, most=20, count=50, auth=False, how=None, tiny=False, ports=(25, 587, 465, 4465),
                 servers=None):
        self.name, self.send, self.tune, self.most, self.count, self.auth = name, send, tune, most, count, auth
        self.how, self.tiny, self.ports, self.servers = how, tiny, ports, servers


CLIENTS = [
    Client("Postfix", postfix, True, 50, how="plain", ports=(25, 587), count=8),
    Client("Postfix, reuse", postfix, True, 50, how="reuse", ports=(25, 587)),
    Client("Postfix, reuse", postfix, True, 50, how="old", ports=(25, 587)),
    Client("Postfix, no pipelining", postfix, False, 50, how="nopipe", ports=(25, 587)),
    Client("Postfix, reuse", postfix, False, 50, how="wrap", ports=(465, 4465)),
    Client("Exim", exim, True, 50, how="chunk", ports=(25, 587), count=20),
    Client("Exim, no CHUNKING", exim, False, 50, how="nochunk", ports=(25, 587), count=20),
    Client("Exim", exim, False, 50, how="wrap", ports=(465, 4465), count=20),
    Client("OpenSMTPD", through_mta(2527), False, 20, how="plain", ports=(25,)),
    Client("OpenSMTPD", through_mta(2527), False, 20, how="wrap", ports=(465,)),
    Client("smtplib", python_smtplib, True, auth=True, tiny=True),
    Client("swaks", swaks, True, 10, 1, auth=True, tiny=True),
    Client("swaks --pipeline", lambda job: swaks(job, "--pipeline"), False, 10, 1, tiny=True,
           servers=[1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 17]),
    Client("curl", curl, True, 10, 8, auth=True, tiny=True),
    Client("msmtp", msmtp, False, 20, 2, auth=True, tiny=True),
    Client("s-nail", s_nail, False, 5, 2),
    Client("dma", dma, False, 3, 2),
    Client("nullmailer", nullmailer, False, 20, 2, tiny=True),
    Client("Net::SMTP", with_json(["perl", HERE + "/send.pl"]), False, tiny=True),
    Client("nodemailer", with_json(["node", HERE + "/send.js"]), False, auth=True, tiny=True),
    Client("PHPMailer", with_json(["php", HERE + "/send.php"]), False, auth=True),
] + [Client("style " + name, style(name), name in ("pipe", "bdat", "bdat-all", "lines"), tiny=True) for name in styles.STYLES]


# --- jobs ---

def wait_until(done, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(.05)


def no_connections(source):
    state = subprocess.run(["ss", "-Htn", "state", "established", "src", source], stdout=subprocess.PIPE).stdout
    return not state.strip()


def source_of(number):
    return "10.9.%d.%d" % (number // 250, number % 250 + 1)


def send_job(number, client):
    servers = client.servers or (TUNE_SERVERS if SET == "tune" else list(SERVERS))
    server, port = rnd.choice(servers), rnd.choice(client.ports)
    count = min(client.count, rnd.choice([1, 1, 1, 2, 3, 5, 8, 12, 20, 50]))
    domain = "%s.s%dp%d.example" % (client.how or "x", server, port)
    job = {"host": "198.51.100.%d" % server, "port": port, "wrapped": port in (465, 4465),
           "auth": client.auth and port != 25 and server in AUTH_SERVERS and rnd.random() < .6,
           "messages": messages_of(count, domain, client.most if rnd.random() < .6 else 1,
                                   .25 if rnd.random() < .35 else 0, client.tiny and rnd.random() < .2)}
    source = source_of(number)
    run(["ip", "addr", "add", source + "/32", "dev", "lo"])
    run(["ip", "route", "replace", "default", "via", "192.0.2.1", "src", source])
    begin = time.monotonic()
    try:
        client.send(job)
    except (OSError, EOFError, smtplib.SMTPException, subprocess.TimeoutExpired) as why:
        print("tlsgen: %s to %s port %d: %r" % (client.name, SERVERS[server], port, why), file=sys.stderr)
    wait_until(lambda: no_connections(source), 15)
    familiar = client.tune and server in TUNE_SERVERS
    return {"source": source, "client": client.name, "server": SERVERS[server], "tune": familiar, "asked": count,
            "tiny": any(len(m["text"]) < 300 for m in job["messages"]), "auth": job["auth"],
            "seconds": round(time.monotonic() - begin, 2)}


def main():
    only = os.environ.get("TLSGEN_ONLY", "")  # a name, or its beginning
    clients = [c for c in CLIENTS if (c.tune or SET != "tune") and c.name.startswith(only)]
    os.chdir("/")
    with open(OUT, "w", buffering=1) as out:
        for number in range(JOBS):
            out.write(json.dumps(send_job(number, clients[number % len(clients)])) + "\n")


main()

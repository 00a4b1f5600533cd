# SPDX-License-Identifier: ISC
"""Ways to speak SMTP inside TLS that programs of Debian do not show but others do: several commands, bodies and
envelopes in one write, BDAT in all its forms, a body line by line.  Used by drive.py."""
import socket
import ssl

STYLES = ["pipe", "pipe-quit", "pipe-chain", "bdat", "bdat-all", "bdat-chunks", "lines", "pieces", "rset"]
PIPELINED = ("pipe", "pipe-quit", "pipe-chain", "bdat", "bdat-all", "bdat-chunks")


class Connection:
    def __init__(self, job):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = socket.create_connection((job["host"], job["port"]), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.extensions = ""
        if job["wrapped"]:
            self.begin_tls(context)
            self.reply()
        else:
            self.lines = self.socket.makefile("rb")
            self.reply()
            self.say("EHLO vm.tenant.example")
            self.say("STARTTLS")
            self.begin_tls(context)
        self.write("EHLO vm.tenant.example\r\n")
        while True:
            line = self.lines.readline()
            self.extensions += line.decode("latin1").upper()
            if line[3:4] != b"-":
                break

    def begin_tls(self, context):
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")

    def reply(self):
        while True:
            line = self.lines.readline()
            if not line:
                raise EOFError
            if line[3:4] != b"-":
                return int(line[:3])

    def write(self, text):
        self.socket.sendall(text.encode("latin1"))

    def say(self, line):
        self.write(line + "\r\n")
        return self.reply()


def body_of(message):
    text = message["text"].replace("\n", "\r\n").replace("\r\n.", "\r\n..")
    return text if text.endswith("\r\n") else text + "\r\n"


def envelope(message, size):
    return "MAIL FROM:<%s> SIZE=%d\r\n" % (message["from"], size) + "".join("RCPT TO:<%s>\r\n" % to for to in message["to"])


def send_data(c, style, message, last, pending):
    """MAIL, RCPTs and DATA in one write; returns whether the reply to the body is still to be read."""
    body = body_of(message)
    c.write(envelope(message, len(body)) + "DATA\r\n")
    if pending:
        c.reply()
    if [c.reply() for _ in range(2 + len(message["to"]))][-1] != 354:
        if last:
            c.say("QUIT")
        return False
    if style == "pipe-quit" and last:
        c.write(body + ".\r\nQUIT\r\n")
        c.reply()
        c.reply()
        return False
    if style == "pipe-chain" and not last:
        c.write(body + ".\r\n")
        return True
    c.write(body + ".\r\n")
    c.reply()
    if last:
        c.say("QUIT")
    return False


def send_bdat(c, style, message):
    body = body_of(message)
    if style == "bdat-all":
        c.write(envelope(message, len(body)) + "BDAT %d LAST\r\n" % len(body) + body)
        for _ in range(2 + len(message["to"])):
            c.reply()
        return
    c.write(envelope(message, len(body)))
    codes = [c.reply() for _ in range(1 + len(message["to"]))]
    if not any(code == 250 for code in codes[1:]):
        c.say("RSET")
        return
    while body:
        part, body = (body, "") if style == "bdat" else (body[:65536], body[65536:])
        c.write("BDAT %d%s\r\n" % (len(part), "" if body else " LAST"))
        c.write(part)
        c.reply()


def send_steps(c, style, message, last):
    body = body_of(message)
    c.say("MAIL FROM:<%s>" % message["from"])
    for to in message["to"]:
        c.say("RCPT TO:<%s>" % to)
    if c.say("DATA") != 354:
        c.say("RSET")
        return
    if style == "lines":
        for line in body.splitlines(True):
            c.write(line)
        c.write(".\r\n")
    elif style == "pieces":
        for at in range(0, len(body), 1024):
            c.write(body[at:at + 1024])
        c.write(".\r\n")
    else:
        c.write(body + ".\r\n")
    c.reply()
    if style == "rset" and not last:
        c.say("RSET")


def send(job, style):
    c, pending = Connection(job), False
    if style in PIPELINED and "PIPELINING" not in c.extensions or "bdat" in style and "CHUNKING" not in c.extensions:
        style = "lines"
    for i, message in enumerate(job["messages"]):
        last = i == len(job["messages"]) - 1
        if style.startswith("pipe"):
            pending = send_data(c, style, message, last, pending)
        elif style.startswith("bdat"):
            send_bdat(c, style, message)
        else:
            send_steps(c, style, message, last)
    if not style.startswith("pipe"):
        c.say("QUIT")
    c.socket.close()

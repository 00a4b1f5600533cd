#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Servers that answer as the big providers do, whose software Debian does not have; and aiosmtpd, which it has.

provider.py DIRECTORY: DIRECTORY has tls.crt and tls.key; the truth goes to DIRECTORY/python.events, one JSON line per
message and per refused recipient.  Dialects listen on 198.51.100.K (see DIALECTS) with STARTTLS on 25 and 587 and TLS
from the first byte on 465 and 4465, as the MTAs of servers.sh do.  Wordings are those that the providers used in 2024/25.
"""
import asyncio
import json
import random
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult

STARTTLS_PORTS, WRAPPED_PORTS = (25, 587), (465, 4465)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def token(n, letters=ALPHABET):
    return "".join(random.choice(letters) for _ in range(n))


def google_id():
    return "%s-%ssm%d%s.%d - gsmtp" % (token(14), token(11, "0123456789abcdef"), random.randrange(10**5, 10**8),
                                       token(3, "abcdefghij"), random.randrange(400))


class Dialect:
    """Replies of one provider; `session` is a text that stays the same during a session."""

    greeting, extensions = "%s ESMTP", ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING"]
    data, bye, flushed = "354 End data with <CR><LF>.<CR><LF>", "221 2.0.0 Bye", "250 2.0.0 Ok"
    refused, grey = "550 5.1.1 User unknown", "450 4.2.0 Greylisted, try again later"

    def __init__(self):
        self.session = google_id()

    def text(self, what, address="", size=0):
        return getattr(self, what).replace("@S", self.session).replace("@A", address).replace("@N", str(size))

    def mail(self, address):
        return "250 2.1.0 Ok"

    def rcpt(self, address):
        return "250 2.1.5 Ok"

    def done(self, size):
        return "250 2.0.0 Ok: queued as %s" % token(12)

    def chunk(self, size):
        return "250 2.0.0 Ok: %d bytes" % size


class Google(Dialect):
    greeting = "mx.google.com ESMTP @S"
    extensions = ["SIZE 157286400", "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"]
    data, bye, flushed = "354 Go ahead @S", "221 2.0.0 closing connection @S", "250 2.1.5 Flushed @S"
    refused = ("550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
               "550-5.1.1 double-checking the recipient's email address for typos or\r\n550-5.1.1 unnecessary spaces. "
               "For more information, go to\r\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser @S")
    grey = ("450-4.2.1 The user you are trying to contact is receiving mail at a rate that\r\n450-4.2.1 prevents "
            "additional messages from being delivered. For more\r\n450 4.2.1  https://support.google.com/mail/?p=Rate @S")

    def mail(self, address):
        return "250 2.1.0 OK " + self.session

    def rcpt(self, address):
        return "250 2.1.5 OK " + self.session

    def done(self, size):
        return "250 2.0.0 OK  %d %s" % (time.time(), self.session)

    def chunk(self, size):
        return "250 2.0.0 OK " + self.session


class Microsoft(Dialect):
    greeting = "AM0EUR02FT0.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Mon, 3 Mar 2025 10:00:00 +0000"
    extensions = ["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME", "CHUNKING", "SMTPUTF8"]
    data, bye = "354 Start mail input; end with <CRLF>.<CRLF>", "221 2.0.0 Service closing transmission channel"
    flushed = "250 2.0.0 Resetting"
    refused = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient @A not found by SMTP address lookup"
    grey = "451 4.7.500 Server busy. Please try again later from [192.0.2.11]. (S77719) [AM0EUR02FT0.eop-EUR02.prod]"

    def mail(self, address):
        return "250 2.1.0 Sender OK"

    def rcpt(self, address):
        return "250 2.1.5 Recipient OK"

    def done(self, size):
        return ("250 2.6.0 <%s@vm.example> [InternalId=%d, Hostname=AS8PR04MB%04d.eurprd04.prod.outlook.com] %d bytes in "
                "0.%03d, %d.%03d KB/sec Queued mail for delivery") % (token(16), random.getrandbits(44),
                random.randrange(10**4), size + 8000, random.randrange(999), random.randrange(400), random.randrange(999))

    def chunk(self, size):
        return "250 2.0.0 %d bytes received" % size


class Yahoo(Dialect):
    greeting = "mtaproxy512.free.mail.bf1.yahoo.com ESMTP ready"
    extensions = ["PIPELINING", "SIZE 41943040", "8BITMIME"]
    data, bye, flushed = "354 go ahead", "221 mta4234.mail.bf1.yahoo.com", "250 flushed"
    refused = "552 1 Requested mail action aborted, mailbox not found"
    grey = "421 4.7.0 [TSS04] Messages from 192.0.2.11 temporarily deferred due to user complaints; see https://postmaster.yahooinc.com/error-codes"

    def mail(self, address):
        return "250 sender <%s> ok" % address

    def rcpt(self, address):
        return "250 recipient <%s> ok" % address

    def done(self, size):
        return "250 ok dirdel"


class MailRu(Dialect):
    greeting = "mx.mail.ru ESMTP ready (Looking for Mail for your domain? Visit https://biz.mail.ru)"
    extensions = ["SIZE 73400320", "8BITMIME", "PIPELINING"]
    bye, flushed = "221 mxs.mail.ru closing connection", "250 OK"
    refused = "550 Message was not accepted -- invalid mailbox.  Local mailbox @A is unavailable: user not found"
    data = "354 Go ahead"

    def mail(self, address):
        return "250 OK"

    def rcpt(self, address):
        return "250 Accepted"

    def done(self, size):
        return "250 OK id=1r%s-%s-%s" % (token(4), token(6), token(4))


class Yandex(Dialect):
    greeting = "mail-nwsmtp-mxfront-production-main-55 ESMTP (Want to use Yandex.Mail for your domain? Visit http://pdd.yandex.ru)"
    extensions = ["8BITMIME", "PIPELINING", "SIZE 53477376", "DSN", "ENHANCEDSTATUSCODES"]
    data, bye = "354 Enter mail, end with \".\" on a line by itself", "221 2.0.0 Closing connection."
    refused = "550 5.7.1 No such user!"

    def mail(self, address):
        return "250 2.1.0 <%s> ok" % address

    def rcpt(self, address):
        return "250 2.1.5 <%s> recipient ok" % address

    def done(self, size):
        return "250 2.0.0 Ok: queued on mail-nwsmtp-mxfront-production-main-55.vla.yp-c.yandex.net %d-%s" % (
            time.time(), token(8))


DIALECTS = {11: Google, 12: Microsoft, 13: Yahoo, 14: MailRu, 15: Yandex, 16: Google, 17: Microsoft}
ONLY_TLS12 = {12, 13, 15, 16}


class Session:
    """One connection: reads commands, answers when the client has said all it had to say (as pipelining servers do)."""

    def __init__(self, dialect, reader, writer, context, wrapped, events):
        self.dialect, self.reader, self.writer, self.context = dialect(), reader, writer, context
        self.tls, self.events, self.out = wrapped, events, []
        self.client, self.port = writer.get_extra_info("peername")[:2]
        self.forget()

    def forget(self):
        self.accepted = self.size = 0

    def note(self, **fact):
        self.events.write(json.dumps(dict(client=self.client, port=self.port, **fact)) + "\n")

    async def flush(self):
        if self.out:
            self.writer.write("".join(line + "\r\n" for line in self.out).encode())
            self.out = []
            await self.writer.drain()

    def ehlo(self):
        lines = [self.dialect.text("greeting").split()[0]] + self.dialect.extensions
        lines += ["AUTH LOGIN PLAIN"] if self.tls else ["STARTTLS"]
        return "\r\n".join("250%s%s" % ("-" if i < len(lines) - 1 else " ", x) for i, x in enumerate(lines))

    async def auth(self, line):
        words = line.split()
        if len(words) < 3:
            for question in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6") if words[1] == "LOGIN" else ("",):
                self.out.append("334 " + question)
                await self.flush()
                await self.reader.readline()
        self.out.append("235 2.7.0 Authentication successful")

    def rcpt(self, address):
        if address.startswith("nobody") or address.startswith("grey"):
            self.note(rejected=1)
            return self.dialect.text("refused" if address.startswith("nobody") else "grey", address)
        self.accepted += 1
        return self.dialect.rcpt(address)

    def took(self):
        self.note(recipients=self.accepted, bytes=self.size)
        self.out.append(self.dialect.done(self.size))
        self.forget()

    async def body(self):
        if self.accepted == 0:
            self.out.append("503 5.5.1 No valid recipients")
            return
        self.out.append(self.dialect.text("data"))
        await self.flush()
        while (line := await self.reader.readline()) not in (b".\r\n", b""):
            self.size += len(line)
        self.took()

    async def bdat(self, words):
        size = int(words[1])
        await self.reader.readexactly(size)
        self.size += size
        if self.accepted == 0:
            self.out.append("503 5.5.1 No valid recipients")
        elif len(words) > 2:
            self.took()
        else:
            self.out.append(self.dialect.chunk(size))

    async def command(self, line):
        verb, address = line[:4].upper(), line.partition("<")[2].partition(">")[0]
        if verb in ("EHLO", "HELO"):
            self.out.append(self.ehlo())
        elif verb == "STAR":
            self.out.append("220 2.0.0 Ready to start TLS")
            await self.flush()
            await self.writer.start_tls(self.context)
            self.tls = True
        elif verb == "AUTH":
            await self.auth(line)
        elif verb == "MAIL":
            self.forget()
            self.out.append(self.dialect.mail(address))
        elif verb == "RCPT":
            self.out.append(self.rcpt(address))
        elif verb == "DATA":
            await self.body()
        elif verb == "BDAT":
            await self.bdat(line.split())
        elif verb == "RSET":
            self.forget()
            self.out.append(self.dialect.text("flushed"))
        elif verb == "QUIT":
            self.out.append(self.dialect.text("bye"))
        else:
            self.out.append("250 2.0.0 Ok")
        return verb != "QUIT"

    async def run(self):
        self.out.append("220 " + self.dialect.text("greeting"))
        more = True
        try:
            while more:
                if not self.reader._buffer:
                    await self.flush()
                line = await self.reader.readline()
                more = bool(line) and await self.command(line.decode("latin1").strip())
            await self.flush()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        self.writer.close()


class Keeper:
    """What aiosmtpd asks about each recipient and message."""

    def __init__(self, events):
        self.events = events

    def note(self, session, **fact):
        self.events.write(json.dumps(dict(client=session.peer[0], port=session.peer[1], **fact)) + "\n")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody") or address.startswith("grey"):
            self.note(session, rejected=1)
            return "550 5.1.1 no such user" if address.startswith("nobody") else "450 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.note(session, recipients=len(envelope.rcpt_tos), bytes=len(envelope.original_content))
        return "250 Message accepted for delivery"


def context_for(directory, only_12):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/tls.crt", directory + "/tls.key")
    if only_12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


async def start_aiosmtpd(address, context, events):
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=True)

    for port in STARTTLS_PORTS + WRAPPED_PORTS:
        wrapped = port in WRAPPED_PORTS

        def serve(wrapped=wrapped):
            return SMTP(Keeper(events), hostname="mx.aiosmtpd.example", authenticator=authenticate,
                        auth_require_tls=not wrapped, data_size_limit=1 << 26, command_call_limit=100000,
                        tls_context=None if wrapped else context)

        await asyncio.get_running_loop().create_server(serve, address, port, ssl=context if wrapped else None)


async def main(directory):
    events = open(directory + "/python.events", "a", buffering=1)
    for number, dialect in DIALECTS.items():
        context = context_for(directory, number in ONLY_TLS12)
        for port in STARTTLS_PORTS + WRAPPED_PORTS:
            wrapped = port in WRAPPED_PORTS

            async def serve(reader, writer, d=dialect, c=context, w=wrapped):
                await Session(d, reader, writer, c, w, events).run()

            await asyncio.start_server(serve, "198.51.100.%d" % number, port, limit=1 << 26,
                                       ssl=context if wrapped else None)
    await start_aiosmtpd("198.51.100.8", context_for(directory, False), events)
    await start_aiosmtpd("198.51.100.9", context_for(directory, True), events)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))

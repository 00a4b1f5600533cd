#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Support mails as the usual mail programs write them, each a file NAME.eml in the folder: tickets.py FOLDER SAMPLE.eml

The bytes are put together by hand, because a library would even out what tells the programs apart: where the
pictures stand, how names and words are encoded, who uses multipart/related, what stands for a picture in the words.
"""
import base64
import pathlib
import struct
import sys
import urllib.parse
import zlib

folder = pathlib.Path(sys.argv[1])
sample = pathlib.Path(sys.argv[2]).read_bytes()


def png(width, height, seed):
    """A striped picture, another one for each seed."""
    rows = b"".join(
        b"\0" + bytes((x // 40 * 37 + y // 40 * 11 + seed * 50) % 256 for x in range(width) for _ in range(3)) for y in range(height)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def b64(data):
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def part(fields, body):
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + body + b"\r\n"


def multi(kind, boundary, parts, more=""):
    out = b"".join(b"--" + boundary.encode() + b"\r\n" + p for p in parts)
    return [f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}'], out + b"--" + boundary.encode() + b"--\r\n"


def nested(pair):
    return part(pair[0], pair[1])


def file(name, data, kind="image/png", disposition="attachment", cid=None, raw_name=None):
    named = raw_name or f'"{name}"'
    fields = [f"Content-Type: {kind}; name={named}", f"Content-Disposition: {disposition}; filename={named}", "Content-Transfer-Encoding: base64"]
    if cid:
        fields.append(f"Content-ID: <{cid}>")
    return part(fields, b64(data))


def text(words, charset="utf-8", kind="plain", encoding="base64"):
    fields = [f"Content-Type: text/{kind}; charset={charset}", f"Content-Transfer-Encoding: {encoding}"]
    data = words.replace("\n", "\r\n").encode(charset)
    return part(fields, b64(data) if encoding == "base64" else data)


def mail(sender, subject, pair, agent):
    head = [f"From: {sender}", "To: support@provider.example", f"Subject: {subject}", f"Message-ID: <t{zlib.crc32(pair[1]):x}@x.example>",
            "Date: Sun, 22 Nov 2026 09:00:00 +0300", f"X-Mailer: {agent}", "MIME-Version: 1.0"]
    return part(head + pair[0], pair[1])


def write(name, data):
    (folder / f"{name}.eml").write_bytes(data)


def word(value, charset="utf-8"):
    return f"=?{charset}?B?{base64.b64encode(value.encode(charset)).decode()}?="


form, letter, page, logo = png(640, 480, 1), png(600, 700, 2), png(400, 300, 3), png(120, 40, 4)
rules = "Rules of acme.example\n5. By registering the user agrees to receive our mail.\n".encode()
english = """Hello,

please whitelist our server vm-7 (192.0.2.7) for our newsletter.
We send up to 5,000 mails per day, the list has 4 800 subscribers.
Where the addresses come from: people tick a box in our shop
The subscription form is at https://acme.example/subscribe
The unsubscribe page is https://acme.example/u

Ann
"""
russian = """Здравствуйте!

Просим добавить сервер vm-8 в белый список, это рассылка новостей магазина.
Отправляем до 12 тыс. писем в сутки, в базе 11 500 подписчиков.
Источник адресов: форма подписки на сайте
Форма подписки: https://bolt.example/podpiska

С уважением, Борис
"""
attached_sample = part(['Content-Type: message/rfc822; name="sample.eml"', 'Content-Disposition: attachment; filename="sample.eml"'], sample)

# Gmail's web page: mixed(alternative, files); forwarded "as attachment".
gmail = mail("Ann <a@acme.example>", "Whitelist please", multi("mixed", "000000000000aa", [
    nested(multi("alternative", "000000000000bb", [text(english), text("<div>" + english.replace("\n", "<br>") + "</div>", kind="html")])),
    file("subscription form.png", form), file("newsletter.png", letter), file("unsubscribe.png", page), attached_sample]), "Gmail")
write("gmail", gmail)

# Outlook in Russian: related(alternative, pictures named image00N), marks like [cid:...] in the plain words, windows-1251.
marks = russian + "\nФорма подписки:\n[cid:image001.png@01DC5B.1]\n\nОбразец письма:\n[cid:image002.png@01DC5B.2]\n\nСтраница отписки:\n[cid:image003.png@01DC5B.3]\n\n[cid:image004.png@01DC5B.4]\n"
write("outlook", mail(word("Борис", "windows-1251") + " <b@bolt.example>", word("Белый список", "windows-1251"), multi("related", "_004_A", [
    nested(multi("alternative", "_000_B", [text(marks, "windows-1251", encoding="8bit"), text("<p>" + marks + "</p>", "windows-1251", "html")])),
    file("image001.png", form, disposition="inline", cid="image001.png@01DC5B.1"),
    file("image002.png", letter, disposition="inline", cid="image002.png@01DC5B.2"),
    file("image003.png", page, disposition="inline", cid="image003.png@01DC5B.3"),
    file("image004.png", logo, disposition="inline", cid="image004.png@01DC5B.4"), attached_sample]), "Microsoft Outlook 16.0"))

# Apple Mail: pictures between the words, all parts of one mixed.
write("applemail", mail("Ann <a@acme.example>", "whitelist vm-7", multi("mixed", "Apple-Mail=_1", [
    text("Server: vm-7\nThis is where people register:\n", encoding="7bit"), file("Screenshot 1.png", form, disposition="inline"),
    text("A sample of our mail:\n", encoding="7bit"), file("Screenshot 2.png", letter, disposition="inline"),
    text("And the page to unsubscribe:\n", encoding="7bit"), file("Screenshot 3.png", page, disposition="inline"),
    file("rules.txt", rules, "text/plain"), text("Sent from my Mac\n", encoding="7bit")]), "Apple Mail (2.3774)"))

# Thunderbird: names by RFC 2231, format=flowed, KOI8-R; the sample as a file without a kind of its own.
def rfc2231(name):
    return "*=UTF-8''" + urllib.parse.quote(name)


def thunderbird_file(name, data, kind):
    coded = rfc2231(name)
    return part([f"Content-Type: {kind}; name{coded}", f"Content-Disposition: attachment; filename{coded}", "Content-Transfer-Encoding: base64"], b64(data))


write("thunderbird", mail("=?KOI8-R?B?" + base64.b64encode("Борис".encode("koi8-r")).decode() + "?= <b@bolt.example>", word("Заявка"), multi("mixed", "------------x", [
    part(["Content-Type: text/plain; charset=KOI8-R; format=flowed", "Content-Transfer-Encoding: 8bit"], russian.replace("\n", "\r\n").encode("koi8-r")),
    thunderbird_file("форма подписки.png", form, "image/png"), thunderbird_file("образец.png", letter, "image/png"),
    thunderbird_file("страница отписки.png", page, "image/png"), thunderbird_file("письмо.eml", sample, "application/octet-stream")]), "Mozilla Thunderbird"))

# Mail.ru's web page: words in base64, names as encoded words where RFC 2231 belongs, screenshots that only have numbers.
write("mailru", mail(word("Борис") + " <b@bolt.example>", word("Белый список, vm-8"), multi("mixed", "----abc", [
    nested(multi("alternative", "----def", [text("<p>" + russian.replace("\n", "<br>") + "</p>", kind="html"), text(russian)])),
    file("", form, raw_name='"' + word("Снимок экрана 1.png") + '"'), file("", letter, raw_name='"' + word("Снимок экрана 2.png") + '"'),
    file("", page, raw_name='"' + word("Снимок экрана 3.png") + '"')]), "Mail.Ru Mailer 1.0"))

# HTML only, and everything that cannot be used; nobody says which server.
write("useless", mail("Eve <eve@nowhere.example>", "whitelist", multi("mixed", "b1", [
    text("<html><body><p>Please whitelist us, we send order confirmations.</p></body></html>", kind="html"),
    file("form.pdf", b"%PDF-1.7\n" + b"x" * 3000, "application/pdf"), file("all.docx", b"PK\x03\x04" + b"y" * 3000, "application/vnd.openxmlformats"),
    file("IMG_1.HEIC", b"\0\0\0\x18ftypheic" + b"z" * 9000, "image/heic"), file("mail.msg", b"\xd0\xcf\x11\xe0" + b"m" * 3000, "application/vnd.ms-outlook"),
    file("winmail.dat", b"\x78\x9f\x3e\x22" + b"t" * 3000, "application/ms-tnef"), file("empty.png", b""),
    file("page.html", b"<!DOCTYPE html><p>unsubscribe</p>", "text/html")]), "Outlook"))

# A colleague forwards Gmail's ticket as a whole; PGP/MIME and a calendar around it.
write("forwarded", mail("Sue <sue@provider.example>", "Fwd: Whitelist please", multi("mixed", "fw", [
    text("for you\n", encoding="7bit"), part(["Content-Type: message/rfc822"], gmail)]), "Thunderbird"))
write("signed", mail("Ann <a@acme.example>", "Whitelist please", multi("signed", "sg", [
    nested(multi("mixed", "in", [text(english), file("unsubscribe.png", page)])),
    part(["Content-Type: application/pgp-signature; name=signature.asc"], b"-----BEGIN PGP SIGNATURE-----\r\n")],
    '; micalg=pgp-sha256; protocol="application/pgp-signature"'), "K-9 Mail"))

# Servers of two tenants are named: nobody may guess. And a sender who is the contact of another tenant.
write("ambiguous", mail("Zed <z@elsewhere.example>", "whitelist", multi("mixed", "am", [text("Our servers vm-7 and vm-8 send a newsletter.\n")]), "x"))
write("stranger", mail("Boris <b@bolt.example>", "whitelist", multi("mixed", "st", [text("Please whitelist server vm-7.\n")]), "x"))

# Hostile: a name that climbs, controls in every text, 300 parts, a header of 300 KB, no mail at all, and too large.
write("names", mail("Eve <a@acme.example>", "x\x1b[31m\x07", multi("mixed", "nm", [
    text("server vm-7\x1b]0;pwned\x07\n"), file("../../etc/passwd\x1b[2J.txt", b"mail\n", "text/plain"), file("C:\\\\x\\\\unsub.png", page)]), "x"))
write("parts", mail("Eve <a@acme.example>", "x", multi("mixed", "pt", [text("x")] * 300), "x"))
write("header", b"X-Long: " + b"a" * 300000 + b"\r\n" + gmail)
write("binary", bytes(range(256)) * 64)
# The answer to a letter: one more picture.
write("answer", mail("Ann <a@acme.example>", "Re: Whitelist please [whitelist 1]", multi("mixed", "an", [
    text("Here it is.\n> Server vm-8 is quoted and of no meaning, 9000 a day\n"), file("sign-up.png", form), file("terms.txt", rules, "text/plain")]), "Gmail"))

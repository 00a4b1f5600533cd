# SPDX-License-Identifier: ISC
"""BDAT of which the capture misses something: bytes of a chunk; LAST with its bytes; LAST alone; the first BDAT alone; the reply to a chunk; the reply to LAST.

Twelve messages were sent in six sessions, to one recipient each, and all of them were taken.  Chunks are skipped by their
length, so lost bytes inside of one change nothing, though what is left looks like commands.  A LAST that is lost is told by
"queued" behind it.  Of the last session's first message the reply is in no packet, so nobody can say that it was taken: 11
messages, 12 recipients.  Where the first BDAT is lost the text must not look like commands: without the length it is read as such."""
import sys

from capture import CLIENT, SERVER, Capture

cap = Capture()
hostile = b"Subject: x\r\n\r\n" + b"QUIT\r\n.\r\nRSET\r\n" * 400
plain = b"Subject: x\r\n\r\n" + b"text\r\n" * 900


def session(lose, body=hostile):
    start = len(cap.packets)
    t = cap.tcp()
    t.open()
    t.greet()
    t.envelope(["a@one.example"])
    t.client(b"BDAT %d\r\n" % len(body))
    t.client(body)
    t.server("250 2.0.0 chunk\r\n")
    t.client(b"BDAT 8 LAST\r\n")
    t.client(b"the end\n")
    t.server("250 2.0.0 queued\r\n")
    t.message(["b@two.example"])
    t.quit()
    cap.packets[start:] = lose(cap.packets[start:])
    cap.time += 60


def without(*texts, side=CLIENT):
    def lose(packets):
        return [p for p in packets if p.sender != side or not any(text in p.ip for text in texts)]
    return lose


def middle(packets):
    """The second segment of the first chunk."""
    at = next(i for i, p in enumerate(packets) if b"Subject: x" in p.ip)
    return packets[:at + 1] + packets[at + 2:]


session(middle)
session(without(b"BDAT 8 LAST", b"the end"))
session(without(b"BDAT 8 LAST"))
session(without(b"BDAT %d" % len(plain)), plain)
session(without(b"2.0.0 chunk", side=SERVER))
session(lambda packets: [p for i, p in enumerate(packets)
                         if b"queued" not in p.ip or any(b"queued" in q.ip for q in packets[:i])])
cap.write(sys.argv[1])

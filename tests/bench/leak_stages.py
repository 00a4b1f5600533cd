#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Where the time went from the packet that crossed the bound to the first packet that was dropped.

leak_stages.py stages STAMPS EVENTS TRIGGER_NS DROPPED_NS   one trial: a line of microseconds, STAGES in order
leak_stages.py table FILE                            such lines: p50 and p99 of each stage

STAMPS is what leak_stamps.c noted (struct stamp), EVENTS what leak_probe.c did.  A datagram is followed by its bytes: the judge's request to
block, the observations that the judge had taken before it, and the same datagram at the sensor.
"""
import struct
import sys
from collections import namedtuple

STAMP = struct.Struct("<4q6I32s")
Stamp = namedtuple("Stamp", "asleep woken begin end process call wake size wakes blocks head")
SENSOR, JUDGE = 1, 2
SENT, TAKEN, COMMITTED = 1, 2, 3
BY_REST = 2
WAKE_BURST = 1024  # sensor/main.c: wake-ups before it rests

STAGES = (
    "packet's kernel time stamp to the sensor's wake-up",
    "  of it spent in the sensor's rest (rest_us)",
    "sensor: read, parsed, to the observation sent",
    "observation sent to received by the judge",
    "judge: window, score, verdict, to the request sent",
    "request sent to received by the enforcer",
    "enforcer: checked, built, to the transaction begun",
    "the kernel's transaction",
    "ours: packet's time stamp to the transaction done",
    "transaction done to the first dropped packet",  # negative: the throttle had closed the door before
    "  of it until the last packet that still passed",
    "in all",
)


def read_stamps(path):
    with open(path, "rb") as f:
        used = struct.unpack("<Q", f.read(STAMP.size)[:8])[0]
        data = f.read(used * STAMP.size)
    data = data[: len(data) // STAMP.size * STAMP.size]
    return [s for s in map(Stamp._make, STAMP.iter_unpack(data)) if s.end != 0]


def first(stamps, what, **wanted):
    for s in stamps:
        if all(getattr(s, key) == value for key, value in wanted.items()):
            return s
    raise LookupError(what)


def last_passed(path):
    return next(int(line.split()[1]) for line in open(path) if line.startswith("passed"))


def stages(stamps, passed, trigger, dropped):
    by_begin = sorted(stamps, key=lambda s: s.begin)
    request = first((s for s in by_begin if s.begin > trigger), "a request to block", blocks=1)
    got = first((s for s in by_begin if s.process > JUDGE and s.end > request.begin), "its receipt",
                call=TAKEN, size=request.size, head=request.head)
    commit = first((s for s in by_begin if s.begin >= got.end), "its transaction",
                   call=COMMITTED, process=got.process)
    told = [s for s in by_begin if s.process == SENSOR and s.call == SENT]
    sent = None
    for taken in reversed([s for s in by_begin if s.process == JUDGE and s.call == TAKEN and s.end < request.begin]):
        sent = next((s for s in reversed(told) if s.head == taken.head and s.size == taken.size), None)
        if sent is not None:
            break
    if sent is None:
        raise LookupError("its observation")
    woken = max(sent.woken, trigger)  # the packet came while the sensor was at work: no wait
    rest = woken - max(sent.asleep, trigger) if sent.wake == BY_REST else 0
    points = (trigger, woken, sent.begin, taken.end, request.begin, got.end, commit.begin, commit.end, dropped)
    spans = [b - a for a, b in zip(points, points[1:])]
    still = max(passed - commit.end, 0)
    return ([spans[0], max(rest, 0)] + spans[1:-1] + [commit.end - trigger, spans[-1], still, dropped - trigger],
            sent.wakes)


def percentile(values, p):
    values = sorted(values)
    return values[min(int((len(values) - 1) * p / 100 + 0.999), len(values) - 1)]


def table(path):
    rows = [[float(word) for word in line.split()] for line in open(path)]
    if not rows:
        sys.exit("leak_stages.py: no trial with all of its stages")
    print("  %-52s %9s %9s   (%d trials)" % ("where the time goes, in us", "p50", "p99", len(rows)))
    for i, name in enumerate(STAGES):
        column = [row[i] for row in rows]
        print("  %-52s %9.0f %9.0f" % (name, percentile(column, 50), percentile(column, 99)))
    wakes, rested = [row[-1] for row in rows], sum(row[1] > 0 for row in rows)
    print("  the packet waited for the sensor's rest in %d of %d trials; wake-ups before it, p50 %.0f, most %.0f "
          "(%d are free)" % (rested, len(rows), percentile(wakes, 50), max(wakes), WAKE_BURST))


def main():
    if sys.argv[1:2] == ["table"] and len(sys.argv) == 3:
        table(sys.argv[2])
    elif sys.argv[1:2] == ["stages"] and len(sys.argv) == 6:
        try:
            spans, wakes = stages(read_stamps(sys.argv[2]), last_passed(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
        except LookupError as e:
            sys.exit("leak_stages.py: not among the time stamps: %s" % e)
        print(*("%.1f" % (span / 1000) for span in spans), wakes)
    else:
        sys.exit(__doc__)


main()

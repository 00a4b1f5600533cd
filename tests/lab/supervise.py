#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""supervise.py UNIT PROGRAM [ARGUMENT...]: a service manager for one unit, as far as restarting goes, for machines
where systemd is not in charge.  It reads Type, Restart, RestartSec, WatchdogSec, TimeoutStartSec, StartLimitIntervalSec,
StartLimitBurst from the unit file, and fills in systemd's own
defaults (systemd.service(5), systemd.unit(5)) where it says nothing.  The program gets NOTIFY_SOCKET and WATCHDOG_USEC;
when its first process ends, what it left behind is killed (KillMode=control-group).

Prints a line for each event: started PID, ready PID MS, ended PID STATUS, watchdog PID, start-timeout PID,
start-limit.  SIGTERM ends program and supervisor."""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

DEFAULTS = {"Type": "simple", "Restart": "no", "RestartSec": "100ms", "WatchdogSec": "0", "TimeoutStartSec": "90s",
            "StartLimitIntervalSec": "10s", "StartLimitBurst": "5"}
UNITS = {"": 1, "us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def seconds(text):
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([0-9.]+) *([a-z]*)", text))


def read_unit(path):
    values = dict(DEFAULTS)
    with open(path, encoding="utf-8") as unit:
        for line in unit:
            key, equals, value = line.strip().partition("=")
            if equals and key in DEFAULTS:
                values[key] = value.strip()
    return values


def say(*words):
    print(*words, flush=True)


class Service:
    def __init__(self, unit, command):
        self.unit, self.command = unit, command
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.folder, 0o755)
        os.chmod(self.path, 0o777)
        self.starts = []
        self.process, self.ready, self.begun, self.heard = None, False, 0.0, 0.0
        self.stopping = False

    def start(self):
        now = time.monotonic()
        span, burst = seconds(self.unit["StartLimitIntervalSec"]), int(self.unit["StartLimitBurst"])
        self.starts = [at for at in self.starts if now - at < span]
        if span > 0 and burst > 0 and len(self.starts) >= burst:
            say("start-limit")
            sys.exit(1)
        self.starts.append(now)
        environment = dict(os.environ, NOTIFY_SOCKET=self.path)
        watchdog = seconds(self.unit["WatchdogSec"])
        if watchdog > 0:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.process = subprocess.Popen(self.command, env=environment, start_new_session=True)
        self.ready, self.begun, self.heard = self.unit["Type"] != "notify", now, now
        say("started", self.process.pid)

    def hear(self):
        for line in self.socket.recv(4096).decode(errors="replace").splitlines():
            if line == "READY=1" and not self.ready:
                self.ready = True
                say("ready", self.process.pid, int((time.monotonic() - self.begun) * 1000))
            if line in ("READY=1", "WATCHDOG=1"):
                self.heard = time.monotonic()

    def late(self):
        now, watchdog = time.monotonic(), seconds(self.unit["WatchdogSec"])
        if not self.ready and now - self.begun > seconds(self.unit["TimeoutStartSec"]):
            return "start-timeout"
        if self.ready and watchdog > 0 and now - self.heard > watchdog:
            return "watchdog"
        return None

    def sweep(self):
        """What is left of the service."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def run(self):
        while not self.stopping:
            self.start()
            while self.process.poll() is None and not self.stopping:
                if select.select([self.socket], [], [], 0.05)[0]:
                    self.hear()
                why = self.late()
                if why:
                    say(why, self.process.pid)
                    self.process.send_signal(signal.SIGABRT)
                    self.process.send_signal(signal.SIGCONT)  # as systemd does: who is stopped must hear it
                    self.process.wait()
            if self.stopping:
                self.process.terminate()
            status = self.process.wait()
            self.sweep()
            say("ended", self.process.pid, status)
            restart = self.unit["Restart"]
            if restart != "always" and not (restart == "on-failure" and status != 0):
                return
            if not self.stopping:
                time.sleep(seconds(self.unit["RestartSec"]))


def main():
    service = Service(read_unit(sys.argv[1]), sys.argv[2:])

    def stop(_number, _frame):
        service.stopping = True
    signal.signal(signal.SIGTERM, stop)
    service.run()
    os.unlink(service.path)
    os.rmdir(service.folder)


main()

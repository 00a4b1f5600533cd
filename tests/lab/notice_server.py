#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A web server of the lab for hooks: HTTPS, checks the signature of webhooks and the token of tickets, and keeps what
it took.  Usage: notice_server.py FOLDER KEYFILE PORT; a file FOLDER/down makes it answer 503, FOLDER/hang makes it
wait until that file is gone.  Each request becomes one line of FOLDER/requests: path, answer, body."""
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import time

folder, key_file, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(key_file, "rb") as f:
    key = f.read().rstrip(b"\r\n")


def signature_is_good(header, body):
    parts = dict(p.split("=", 1) for p in header.split(",") if "=" in p)
    stamp = parts.get("t", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        return False
    wanted = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts.get("v1", ""))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = 404
        if os.path.exists(folder + "/down"):
            answer = 503
        elif self.path == "/webhook":
            answer = 200 if signature_is_good(self.headers.get("X-Bulkhead-Signature", ""), body) else 403
        elif self.path == "/api/v1/tickets":
            answer = 201 if self.headers.get("Authorization") == "Token token=lab-secret" else 401
        until = time.time() + 50
        while os.path.exists(folder + "/hang") and time.time() < until:
            time.sleep(0.05)
        with open(folder + "/requests", "a", encoding="utf-8") as out:
            out.write("%s %d %s %s\n" % (self.path, answer, self.headers.get("X-Bulkhead-Notice", "-"),
                                         json.dumps(json.loads(body))))
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/tls.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()

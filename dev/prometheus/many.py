#!/usr/bin/env python3
"""many.py PORT SERIES   an exporter of that many gauges `many{group="0"…"9", one="…"}`: a daily wave, noise, and now and then a step."""
import http.server, math, random, sys, time

port, series = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(7)
phases = [rng.random() * 6.28 for _ in range(series)]


def page():
    now = time.time()
    lines = ["# TYPE many gauge"]
    for i, phase in enumerate(phases):
        step = 3.0 if int(now / 600 + i) % 37 == 0 else 0.0
        lines.append(f'many{{group="{i % 10}",one="{i}"}} {10 + 3 * math.sin(now / 13751 + phase) + rng.gauss(0, 0.5) + step:.4f}')
    return ("\n".join(lines) + "\n").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = page()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()

#!/usr/bin/env python3
"""many.py PORT SERIES                 an exporter of that many gauges `many{group="0"…"9", one="…"}`: a daily wave, noise, and now and then
                                    a step
many.py PORT SERIES HOURS URL       writes the last HOURS of what it would have told each 15 s to a Prometheus at URL (remote write), and ends
"""
import array, http.server, math, random, sys, time

port, series = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(7)
phases = [rng.random() * 6.28 for _ in range(series)]


def value(i, now):
    step = 3.0 if int(now / 600 + i) % 37 == 0 else 0.0
    return round(10 + 3 * math.sin(now / 13751 + phases[i]) + rng.gauss(0, 0.5) + step, 4)


def page():
    now = time.time()
    lines = ["# TYPE many gauge"]
    lines += [f'many{{group="{i % 10}",one="{i}"}} {value(i, now):.4f}' for i in range(series)]
    return ("\n".join(lines) + "\n").encode()


def history(hours, url):
    from backfill import Series, remote_write

    end = int(time.time()) // 15 * 15
    times = range(end - int(hours * 3600), end + 1, 15)
    every = [t * 1000 for t in times]
    about = {"__name__": "many", "job": "many", "instance": f"127.0.0.1:{port}"}
    told = [
        Series({**about, "group": str(i % 10), "one": str(i)}, every, array.array("d", (value(i, t) for t in times)))
        for i in range(series)
    ]
    remote_write(told, url, {}, 30 * 60_000, progress=False)


if len(sys.argv) > 3:
    history(float(sys.argv[3]), sys.argv[4] + "/api/v1/write")
    sys.exit()


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

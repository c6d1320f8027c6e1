#!/usr/bin/env python3
"""Two exporters that declare different kinds for one name: declare.py PORT counter & declare.py PORT gauge. Stdlib only."""
import http.server, sys

KIND = sys.argv[2]
TEXT = f"# HELP disputed Each job says something else.\n# TYPE disputed {KIND}\ndisputed 1\n# HELP agreed All say the same.\n# TYPE agreed gauge\nagreed 1\n"


class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = TEXT.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Exporter).serve_forever()

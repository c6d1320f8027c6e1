#!/usr/bin/env python3
"""A world in which labels are easy to mistake, written to a server by remote write; and what is true about it.

  world.py URL TRUTH.json SEED [nan] [histograms] [utf8]

Of each metric there are series that differ only in labels which the server adds to remote reads (`cluster`, `replica`;
world.sh configures it so), in labels that only some have, and in the job. They hold stale markers, gaps, samples
that come late, with `nan` other NaN (VictoriaMetrics does not store these), and with `histograms` native histograms, alone and mixed with floats. Stdlib only.
"""
import http.client, json, random, struct, sys, time, urllib.parse

from backfill import snappy_literal, varint

STALE = 0x7FF0000000000002
NAN = 0x7FF8000000000001
STEP_MS = 15_000
SAMPLES = 120
# Beyond what servers cut off at the present.
AGE_MS = 120_000
# Prometheus adds these to remote reads.
EXTERNAL = {"cluster": "eu", "replica": "0"}


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def signed(number):
    return varint((number << 1 ^ number >> 63) & (1 << 64) - 1)


def series_message(labels, parts):
    pairs = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(labels.items()))
    return field(1, pairs + b"".join(parts))


def sample_message(ms, value):
    return field(2, b"\x09" + struct.pack("<Q", value) + b"\x10" + varint(ms))


def histogram_message(ms, rank):
    """An integer histogram of schema 0 with two buckets: prometheus.Histogram in types.proto."""
    span = b"\x08" + signed(0) + b"\x10" + varint(2)
    body = b"\x08" + varint(2 * rank + 3) + b"\x19" + struct.pack("<d", float(rank)) + b"\x20" + signed(0)
    body += b"\x29" + struct.pack("<d", 1e-128) + b"\x30" + varint(0)
    body += field(11, span) + field(12, signed(rank + 1) + signed(1)) + b"\x78" + varint(ms)
    return field(4, body)


def post(url, messages):
    u = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(u.hostname, u.port, timeout=30)
    head = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    connection.request("POST", u.path + "/api/v1/write", snappy_literal(b"".join(messages)), head)
    answer = connection.getresponse()
    words = answer.read()
    if answer.status >= 300:
        sys.exit(f"remote write: {answer.status} {words[:300]!r}")


def label_sets(rng, utf8):
    """Twins under the labels the server adds, and strangers beside them."""
    out = []
    for name in ["m_a", "m_b", "m_total"] + (["my.metric ü"] if utf8 else []):
        bases = [{"job": job, "instance": f"10.0.0.{n}:9100"} for job in ("a", "b") for n in range(2)]
        bases.append({})
        bases.append({"job": "a", "instance": "x|y.*", "quote": 'a"b\\c'})
        for base in bases:
            variants = [{}]
            for label, value in EXTERNAL.items():
                variants += [v | {label: x} for v in variants for x in (value, value + "-2")]
            for variant in variants:
                if variant == {} or rng.random() < 0.55:
                    out.append({"__name__": name, "world": "w"} | base | variant)
        if utf8:
            out.append({"__name__": name, "world": "w", "own.label é": "1"})
            out.append({"__name__": name, "world": "w", "own.label é": "1", "cluster": "eu"})
    return out


def values(rng, rank, end_ms, nan):
    """Samples of one series; each value tells its series, so that a swap is seen."""
    kind = rng.choice(["steady", "gaps", "stale", "nan", "silent", "late"])
    out = []
    for n in range(SAMPLES):
        ms = end_ms - (SAMPLES - 1 - n) * STEP_MS
        value = bits(rank + n / 1024)
        if kind == "gaps" and 30 <= n < 60:
            continue
        if kind == "stale" and n % 40 == 39:
            value = STALE
        if kind == "nan" and nan and n % 20 == 7:
            value = NAN
        if kind == "silent" and n >= 80:
            break
        out.append((ms, value))
    return kind, out


def main():
    url, path, seed, *options = sys.argv[1:]
    rng = random.Random(int(seed))
    end_ms = int(time.time() * 1000) // STEP_MS * STEP_MS - AGE_MS
    first, late, truth = [], [], []
    for rank, labels in enumerate(label_sets(rng, "utf8" in options), 1):
        kind, samples = values(rng, rank, end_ms, "nan" in options)
        held = [n for n in range(len(samples)) if kind == "late" and n % 7 == 3]
        first.append(series_message(labels, [sample_message(*s) for n, s in enumerate(samples) if n not in held]))
        for n in held:
            late.append(series_message(labels, [sample_message(*samples[n])]))
        truth.append({"labels": labels, "samples": samples, "histograms": False})
    if "histograms" in options:
        for rank, labels in enumerate([{}, {"cluster": "eu"}, {"job": "a"}, {"replica": "0"}], 1):
            labels = {"__name__": "h_seconds", "world": "w"} | labels
            times = [end_ms - n * STEP_MS for n in reversed(range(40))]
            first.append(series_message(labels, [histogram_message(ms, rank + n) for n, ms in enumerate(times)]))
            truth.append({"labels": labels, "samples": [], "histograms": True})
        labels = {"__name__": "h_turned", "world": "w", "job": "b"}
        old = [(end_ms - n * STEP_MS, bits(7 + n / 1024)) for n in reversed(range(60, 100))]
        new = [histogram_message(end_ms - n * STEP_MS, 5) for n in reversed(range(30))]
        first.append(series_message(labels, [sample_message(*s) for s in old]))
        late.append(series_message(labels, new))
        truth.append({"labels": labels, "samples": old, "histograms": True})
    post(url, first)
    post(url, late)
    with open(path, "w") as out:
        json.dump({"after_ms": end_ms - SAMPLES * STEP_MS, "until_ms": end_ms, "step_ms": STEP_MS, "series": truth}, out)


main()

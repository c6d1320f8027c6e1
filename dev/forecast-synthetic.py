#!/usr/bin/env python3
"""Writes seeded series of the kinds that operators meet, one CSV a host: dev/forecast-synthetic.py OUT SEED [HOSTS]

OUT/STEP/KIND-N.csv for steps of 15 s, 1 min and 5 min: rows of time and value. Called by `dev/forecast-table --synthetic`.
Standard library only; values are written to six digits, so that the last bits of a machine's logarithm do not show.
"""
import math
import os
import random
import sys

OUT, SEED = sys.argv[1:3]
HOSTS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
DAY_S = 86_400
# Step in s and length in days: the role reads 26 h at 15 s, 8 days at 5 min.
STEPS = {"15s": (15, 3), "1min": (60, 8), "5min": (300, 14)}


def noise(draw, n, memory):
    """Autoregressive noise of variance 1."""
    x, fresh = 0.0, math.sqrt(1 - memory * memory)
    for _ in range(n):
        x = memory * x + fresh * draw.gauss(0, 1)
        yield x


def memory_of(draw, step):
    """Noise forgets within half a minute to half an hour."""
    return math.exp(-step / math.exp(draw.uniform(math.log(30), math.log(1800))))


def times_of(draw, seconds, every_s):
    """Times of a Poisson process."""
    at = draw.expovariate(1 / every_s)
    while at < seconds:
        yield at
        at += draw.expovariate(1 / every_s)


def regimes(draw, n, step):
    """A load that falls or rises to another level every few hours, and stays there."""
    level, spread = draw.uniform(40, 70), draw.uniform(1, 6)
    changes = [int(t / step) for t in times_of(draw, n * step, draw.uniform(4, 16) * 3600)]
    base = list(noise(draw, n, memory_of(draw, step)))
    for i in range(n):
        if changes and i >= changes[0]:
            changes.pop(0)
            level = draw.uniform(8, 30) if level > 35 else draw.uniform(40, 80)
        yield max(0.0, level + spread * base[i])


def jobs(draw, n, step):
    """A batch job's start-up peak, which fades within minutes to a plateau; then nothing for hours."""
    out = [10 + x for x in noise(draw, n, memory_of(draw, step))]
    for t in times_of(draw, n * step, draw.uniform(5, 20) * 3600):
        peak, plateau, fade = draw.uniform(40, 80), draw.uniform(5, 25), draw.uniform(200, 900)
        first, length = int(t / step), int(draw.uniform(1200, 14400) / step)
        for i in range(first, min(n, first + length)):
            out[i] += plateau + peak * math.exp(-(i - first) * step / fade)
    return out


def rare(draw, n, step):
    """Calm, with a peak of a few samples every few hours."""
    out = [20 + x for x in noise(draw, n, memory_of(draw, step))]
    for t in times_of(draw, n * step, draw.uniform(2, 10) * 3600):
        first, length, height = int(t / step), draw.randint(1, 5), 5 * draw.paretovariate(1.5)
        for i in range(first, min(n, first + length)):
            out[i] += min(height, 80)
    return out


def bursts(draw, n, step):
    """Idle or busy, for times of very different length."""
    busy, left = False, 0.0
    mean = {False: draw.uniform(300, 3600), True: draw.uniform(120, 1800)}
    wave = list(noise(draw, n, memory_of(draw, step)))
    for i in range(n):
        if left <= 0:
            busy = not busy
            left = mean[busy] * math.exp(draw.gauss(-0.5, 1))
        left -= step
        yield min(100.0, max(0.0, (80 + 8 * wave[i]) if busy else 2 + 0.5 * wave[i]))


def daily(draw, n, step):
    """Mornings and nights, quieter at weekends."""
    phase, swing = draw.uniform(0, DAY_S), draw.uniform(10, 40)
    wave = list(noise(draw, n, memory_of(draw, step)))
    spread = draw.uniform(2, 8)
    for i in range(n):
        day = (i * step + phase) / DAY_S
        share = 0.5 - 0.5 * math.cos(2 * math.pi * day)
        weekend = 0.5 if int(day) % 7 >= 5 else 1.0
        yield 20 + weekend * swing * share * share + spread * wave[i]


def leaks(draw, n, step):
    """Grows until a restart."""
    value, rate, limit = draw.uniform(20, 60), draw.uniform(2, 12) / 3600, draw.uniform(70, 95)
    for x in noise(draw, n, 0.5):
        value += rate * step * (1 + 0.5 * x)
        if value > limit or draw.random() < step / (30 * 3600):
            value = draw.uniform(15, 25)
        yield value + 0.3 * x


def walks(draw, n, step):
    """A level without home between two walls."""
    x, size = draw.uniform(30, 70), draw.uniform(0.5, 4) * math.sqrt(step / 300)
    for _ in range(n):
        x += size * draw.gauss(0, 1)
        x = -x if x < 0 else 200 - x if x > 100 else x
        yield x


def latency(draw, n, step):
    """Lognormal, in calm and stormy hours."""
    level, size = draw.uniform(2, 5), draw.uniform(0.1, 0.4)
    storm = noise(draw, n, math.exp(-step / draw.uniform(1800, 10800)))
    slow = noise(draw, n, math.exp(-step / draw.uniform(600, 7200)))
    for s, m in zip(storm, slow):
        yield math.exp(level + 0.4 * m + size * math.exp(0.6 * s) * draw.gauss(0, 1))


def cron(draw, n, step):
    """Counts of requests with a task every 15 minutes to an hour."""
    every, lasts, rate = draw.choice([900, 1800, 3600]), draw.uniform(60, 400), draw.uniform(3, 30)
    wave = list(noise(draw, n, memory_of(draw, step)))
    for i in range(n):
        mean = rate * (1 + 0.2 * wave[i])
        if i * step % every < max(lasts, step):
            mean += rate * draw.uniform(0.5, 2)
        yield float(max(0, round(mean + math.sqrt(max(mean, 1)) * draw.gauss(0, 1))))


KINDS = (regimes, jobs, rare, bursts, daily, leaks, walks, latency, cron)
for name, (step, days) in STEPS.items():
    os.makedirs(f"{OUT}/{name}", exist_ok=True)
    for kind in KINDS:
        for host in range(HOSTS):
            draw = random.Random(f"{SEED}/{name}/{kind.__name__}/{host}")
            n = days * DAY_S // step
            with open(f"{OUT}/{name}/{kind.__name__}-{host}.csv", "w") as file:
                for i, value in enumerate(kind(draw, n, step)):
                    file.write(f"{i * step},{value:.6g}\n")

#!/usr/bin/env python3
"""Lays the public collections of docs/forecasting.md out as one CSV a host: dev/forecast-data.py DIR OUT

Called by dev/forecast-table, which has checked the files first. Standard library only.
"""
import calendar
import csv
import glob
import os
import sys
import time

SOURCE, OUT = sys.argv[1:3]


def number(text):
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None


def seconds(text):
    plain = text.strip().strip('"').replace("T", " ")[:19]
    return calendar.timegm(time.strptime(plain, "%Y-%m-%d %H:%M:%S"))


def write(collection, host, times, columns):
    os.makedirs(f"{OUT}/{collection}", exist_ok=True)
    with open(f"{OUT}/{collection}/{host}.csv", "w") as file:
        for i, when in enumerate(times):
            cells = ["" if column[i] is None else repr(column[i]) for column in columns]
            file.write(",".join([str(when), *cells]) + "\n")


def name(path):
    return os.path.basename(path).removesuffix(".csv")


def rows(path, header=False):
    with open(path, newline="") as file:
        return list(csv.reader(file))[1 if header else 0:]


def varied(columns, distinct, most):
    """Columns with enough different values, evenly chosen."""
    kept = [c for c in columns if len({v for v in c if v is not None}) > distinct]
    return kept[:: max(1, len(kept) // most)][: most + 1]


def cloudcluster():
    for folder in sorted(glob.glob(f"{SOURCE}/cloudcluster/dataset/cluster*")):
        at = {}
        for path in sorted(glob.glob(f"{folder}/*dataseries-cpu-mem*.csv")):
            for row in rows(path):
                if len(row) >= 5:
                    at[seconds(row[1])] = (number(row[3]), number(row[4]))
        times = sorted(at)[:40000]
        write("cloudcluster", name(folder), times, [[at[t][k] for t in times] for k in (0, 1)])


def jumpstarter():
    for part in ("2", "3"):
        for path in sorted(glob.glob(f"{SOURCE}/jumpstarter/dataset/Dataset{part}/test/*.csv")):
            columns = list(zip(*[[number(cell) for cell in row] for row in rows(path)]))
            kept = varied(columns, 200, 5)
            if kept:
                write(f"jumpstarter-{part}", name(path), [300 * i for i in range(len(kept[0]))], kept)


def nab():
    for folder in ("realAWSCloudwatch", "realKnownCause"):
        for path in sorted(glob.glob(f"{SOURCE}/nab/data/{folder}/*.csv")):
            table = sorted((seconds(row[0]), number(row[1])) for row in rows(path, header=True))
            write("nab", name(path), [row[0] for row in table], [[row[1] for row in table]])


def microsoft():
    for folder in ("data-ingress-rate", "mongodb-application-rps", "mongodb-machine-rps", "service-unavailable"):
        for path in sorted(glob.glob(f"{SOURCE}/microsoft/data/{folder}/*.csv")):
            table = [(seconds(row[0]), number(row[1])) for row in rows(path, header=True)]
            write("microsoft", f"{folder}-{name(path)}", [row[0] for row in table], [[row[1] for row in table]])


for collection in (cloudcluster, jumpstarter, nab, microsoft):
    collection()

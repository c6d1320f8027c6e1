#!/usr/bin/env python3
"""terminal.py SLA WORK [MONITORS]   measures the console through pseudo-terminals against its budgets, beside htop, btop, bottom.

SLA: the binary (a release build). WORK: an empty folder. MONITORS: a Debian root with htop, btop and btm (dev/bench unpacks it).
SLA_BENCH_MANY, SLA_BENCH_HUGE: Prometheus servers with 5,040 and with 100,000 series; without them those lines are left out, and
that is said. Prints a table; ends with 1 when a budget is broken. Stdlib only.
"""
import fcntl, glob, json, os, pty, queue, random, re, select, shutil, signal, socket, statistics, struct, subprocess, sys, tempfile, termios, threading, time

SLA, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
MONITORS = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
HZ = os.sysconf("SC_CLK_TCK")
broken = []


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SLA_", "XDG_"))}
    env.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8", LC_ALL="C.UTF-8", HOME=WORK, **more)
    return env


class Program:
    """A program on a pseudo-terminal. Bytes that it writes pass `pace` (a function that may wait) before they are counted as read."""

    def __init__(self, cmd, size=(80, 24), env=None, ignore_hup=False):
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if ignore_hup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execvpe(cmd[0], cmd, env or clean_environment())
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.bytes = b""

    def read(self, seconds, quiet=None):
        """For so long, or until it has been quiet. Bytes, when the first and the last came."""
        begun, got, first, last = time.monotonic(), b"", None, None
        while True:
            now = time.monotonic()
            left = begun + seconds - now
            if quiet is not None and last is not None:
                left = min(left, last + quiet - now)
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                if left <= 0:
                    break
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            last = time.monotonic()
            first = first or last
            got += data
            if b"\x1b[6n" in data:
                os.write(self.fd, b"\x1b[1;1R")
            if b"\x1b[c" in data:
                os.write(self.fd, b"\x1b[?62;22c")
        self.bytes += got
        return got, first, last

    def shows(self, pattern, seconds):
        """Whether a line of the screen comes to match within so long: all of it is painted again for that, each second."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.press("\x0c")
            got, _, _ = self.read(1)
            if re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got.decode("utf8", "replace"))):
                return True
        return False

    def press(self, text):
        os.write(self.fd, text.encode())

    def cpu_ns(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                total += int(open(f"/proc/{self.pid}/task/{task}/schedstat").read().split()[0])
            except OSError:
                pass
        return total

    def switches(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                for line in open(f"/proc/{self.pid}/task/{task}/status"):
                    if line.startswith("voluntary_ctxt"):
                        total += int(line.split()[1])
            except OSError:
                pass
        return total

    def memory_kib(self):
        """All that is resident, and that without pages of files."""
        rows = dict(line.split(":", 1) for line in open(f"/proc/{self.pid}/status") if line.startswith(("VmRSS", "RssFile")))
        kib = {key: int(value.split()[0]) for key, value in rows.items()}
        return kib["VmRSS"], kib["VmRSS"] - kib["RssFile"]

    def idle(self, seconds):
        cpu, switches, begun = self.cpu_ns(), self.switches(), time.monotonic()
        got, _, _ = self.read(seconds)
        spent = time.monotonic() - begun
        return {"B/s": len(got) / spent, "wake-ups/s": (self.switches() - switches) / spent, "CPU %": (self.cpu_ns() - cpu) / spent / 1e7}

    def keys(self, keys, count, gap=0.12):
        """Milliseconds from a key to the first byte of the answer, and the bytes of each."""
        waits, sizes = [], []
        for n in range(count):
            self.read(gap, quiet=0.05)
            sent = time.monotonic()
            self.press(keys[n % len(keys)])
            got, first, _ = self.read(0.6, quiet=0.02)
            if first:
                waits.append((first - sent) * 1e3)
                sizes.append(len(got))
        return waits, sizes

    def leave(self, key="q"):
        """Milliseconds until it has ended, and modes it left on."""
        asked = time.monotonic()
        self.press(key)
        while time.monotonic() - asked < 5:
            self.read(0.02)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            self.kill()
        spent = (time.monotonic() - asked) * 1e3
        modes = {}
        for match in re.finditer(rb"\x1b\[\?([\d;]+)([hl])", self.bytes):
            for mode in match[1].split(b";"):
                modes[mode.decode()] = match[2] == b"h"
        left = [mode for mode, on in modes.items() if on and mode not in ("7", "12", "25")]
        os.close(self.fd)
        return spent, left + ([] if modes.get("25", True) else ["cursor hidden"])

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def at(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def say(what, measured, limit=None, unit="", digits=1):
    """A line of the table; a value beyond its limit is a budget that is broken."""
    verdict = ""
    if limit is not None:
        fine = measured <= limit
        verdict = f"  (budget {limit:g}{unit}: {'kept' if fine else 'BROKEN'})"
        if not fine:
            broken.append(what)
    print(f"{what:<66} {measured:>10.{digits}f}{unit}{verdict}", flush=True)


def profile(name, cmd, size=(80, 24), seconds=20, budgets=None, keys=("j", "k"), quit_key="q", before=""):
    """What every monitor is asked: first byte, idle, memory, keys, leaving."""
    budgets = budgets or {}
    program = Program(cmd, size)
    got, first, last = program.read(5, quiet=0.3)
    say(f"{name}: exec to first byte", (first - program.started) * 1e3, budgets.get("first"), " ms")
    program.read(6)
    if budgets.get("B/s") == 0:
        # What was begun at the start, the first evaluation and the forecasts, is no idling.
        program.read(60, quiet=10)
    idle = program.idle(seconds)
    for unit, digits in (("B/s", 1), ("wake-ups/s", 2), ("CPU %", 3)):
        say(f"{name}: idle", idle[unit], budgets.get(unit), " " + unit, digits)
    resident, own = program.memory_kib()
    say(f"{name}: resident", resident / 1024, budgets.get("resident"), " MiB")
    say(f"{name}: resident without pages of files", own / 1024, budgets.get("own"), " MiB")
    program.press(before)
    program.read(2, quiet=0.3)
    waits, sizes = program.keys(keys, 60)
    say(f"{name}: key to first byte, p50 of {len(waits)}", at(waits, 0.5), budgets.get("key p50"), " ms", 2)
    say(f"{name}: key to first byte, p99", at(waits, 0.99), budgets.get("key p99"), " ms", 2)
    say(f"{name}: bytes of a cursor move, p50", at(sizes, 0.5), budgets.get("move"), " B", 0)
    if "tab" in budgets:
        _, sizes = program.keys(("2", "3", "4", "5", "1"), 20, gap=0.6)
        say(f"{name}: bytes of a tab switch, most", max(sizes), budgets["tab"], " B", 0)
    spent, left = program.leave(quit_key)
    say(f"{name}: leaving", spent, budgets.get("quit"), " ms")
    if "quit" in budgets:
        say(f"{name}: modes left on ({', '.join(left) or 'none'})", len(left), 0, "", 0)


def hang_up(ignored):
    program = Program([SLA, "demo", "--frozen"], ignore_hup=ignored)
    program.read(3)
    os.close(program.fd)
    gone = time.monotonic()
    while time.monotonic() - gone < 3 and not os.waitpid(program.pid, os.WNOHANG)[0]:
        time.sleep(0.005)
    say(f"sla: hang-up noticed{' where SIGHUP is ignored' if ignored else ''}", (time.monotonic() - gone) * 1e3, 1000, " ms")


def first_frame_cold():
    """From a copy whose pages are not in memory: what a login on a box that was asleep pays."""
    waits = []
    for n in range(5):
        copy = os.path.join(WORK, f"copy-{n}")
        shutil.copy(SLA, copy)
        with open(copy, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        program = Program([copy, "demo", "--frozen"])
        _, first, _ = program.read(5, quiet=0.3)
        waits.append((first - program.started) * 1e3)
        program.leave()
        os.remove(copy)
    say("sla: exec to first byte, binary not in memory, median of 5", statistics.median(waits), 50, " ms")
    say("sla: exec to first byte, binary not in memory, worst", max(waits), None, " ms")


def handled(log_folder):
    """When each key was handled, Unix seconds: a line of the console's trace log each."""
    stamps = []
    for path in sorted(glob.glob(os.path.join(log_folder, "console*"))):
        for line in open(path, errors="replace"):
            match = "key handled" in line and re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+)Z", line)
            if match:
                base, fraction = match[1].split(".")
                stamps.append(time.mktime(time.strptime(base, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + fraction))
    return stamps


class Line:
    """A bad line: 300 ms each way, and of 100 pieces two that stall for 0.2 to 1 s. Its seed makes it the same each time."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def stall(self):
        return self.random.uniform(0.2, 1.0) if self.random.random() < 0.02 else 0.0


def key_handling(name, cmd, limit, reader, size=(160, 50), count=40, env=None):
    """Keys pressed at a console whose terminal is read by `reader(fd, stop)`: from the key's arrival to its handling."""
    log = tempfile.mkdtemp(dir=WORK)
    program = Program(cmd, size, clean_environment(SLA_LOG__LEVEL="trace", SLA_LOG__DIR=log, **(env or {})))
    stop = threading.Event()
    thread = threading.Thread(target=reader, args=(program.fd, stop), daemon=True)
    thread.start()
    time.sleep(8)
    skip, sent = len(handled(log)), []
    for n in range(count):
        sent.append(time.time())
        program.press("jk"[n % 2])
        time.sleep(0.25)
    time.sleep(1.5)
    stop.set()
    stamps = handled(log)[skip:skip + count]
    waits = [(done - asked) * 1e3 for asked, done in zip(sent, stamps)]
    program.kill()
    thread.join(3)
    os.close(program.fd)
    if len(waits) < count:
        broken.append(name)
        print(f"{name}: only {len(waits)} of {count} keys were handled", flush=True)
        return
    say(f"{name}: key to handled, p50", at(waits, 0.5), None, " ms")
    say(f"{name}: key to handled, worst of {count}", max(waits), limit, " ms")


def slow_reader(rate):
    def read(fd, stop):
        while not stop.is_set():
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(fd, max(64, rate // 20))
            except OSError:
                return
            time.sleep(len(data) / rate)
    return read


def bad_terminal(seed):
    """What a terminal at the other end of a bad line does to the program: it stops reading while a piece stalls, and a window of
    16 KiB must be acknowledged, 600 ms later, before more is read."""
    line = Line(seed)

    def read(fd, stop):
        inflight = []
        while not stop.is_set():
            now = time.monotonic()
            inflight = [(due, size) for due, size in inflight if due > now]
            if sum(size for _, size in inflight) > 16_384:
                time.sleep(0.01)
                continue
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(fd, 1448)
            except OSError:
                return
            inflight.append((time.monotonic() + 0.6, len(data)))
            time.sleep(line.stall())
    return read


class BadLink:
    """A proxy before a TCP port with the delays of `Line`, in both directions."""

    def __init__(self, port, seed):
        self.port, self.line, self.lock = port, Line(seed), threading.Lock()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:%d" % self.door.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.door.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            for a, b in ((near, far), (far, near)):
                pieces = queue.Queue(1024)
                threading.Thread(target=self.take, args=(a, pieces), daemon=True).start()
                threading.Thread(target=self.give, args=(b, pieces), daemon=True).start()

    def take(self, source, pieces):
        due = 0.0
        while True:
            try:
                data = source.recv(16_384)
            except OSError:
                data = b""
            with self.lock:
                stall = self.line.stall()
            due = max(due, time.monotonic() + 0.3) + stall
            pieces.put((due, data))
            if not data:
                return

    def give(self, sink, pieces):
        while True:
            due, data = pieces.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def bad_lines():
    key_handling("sla, 20 kB/s reader", [SLA, "demo", "--frozen"], 25, slow_reader(20_000))
    key_handling("sla, live, terminal 300 ms away with stalls", [SLA, "demo", "--step", "1s"], 25, bad_terminal(7))
    port = free_port()
    server = subprocess.Popen([SLA, "serve", "--demo-dir", os.path.join(WORK, "far"), "--step", "1s", "--listen", f"127.0.0.1:{port}"],
                              env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        link = BadLink(port, 11)
        key_handling("sla, live, instance 300 ms away with stalls", [SLA, "--connect", link.address], 25, lambda fd, stop: drain(fd, stop))
    finally:
        server.terminate()
        server.wait(10)


def drain(fd, stop):
    while not stop.is_set():
        if select.select([fd], [], [], 0.1)[0]:
            try:
                os.read(fd, 65536)
            except OSError:
                return


def on_server(variable, what, walk):
    """Walks a console on a fresh instance of the server that a variable names."""
    url = os.environ.get(variable)
    if not url:
        print(f"{what}: {variable} is not set, nothing was measured")
        return
    folder = os.path.join(WORK, variable)
    os.makedirs(folder, exist_ok=True)
    env = clean_environment(SLA_INSTANCE__SOCKET=folder + ".sock", SLA_ETL__MAX_SERIES="100000")
    cmd = [SLA, "--data-dir", folder, "--prometheus", url]
    program = Program(cmd, env=env)
    try:
        walk(program)
        program.leave()
    finally:
        subprocess.run(cmd + ["stop"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def many_series(program):
    program.read(10)
    program.press("1")
    program.read(1)
    program.press(':show {job="node"}\r')
    if not program.shows(r"1–1000 of \d{4} series", 90):
        broken.append("5,040 series are shown")
        print("5,040 series did not come on screen")
    program.read(20)
    resident, own = program.memory_kib()
    say("sla, 5,040 series: resident", resident / 1024, 25, " MiB")
    say("sla, 5,040 series: resident without pages of files", own / 1024, 12, " MiB")
    waits, _ = program.keys(("j", "k", "G", "g", "s", "o"), 60)
    say("sla, 5,040 series: key to first byte, worst of 60", max(waits), 50, " ms")
    program.press("/")
    waits, _ = program.keys(tuple("node_load"), 9, gap=0.4)
    program.press("\x1b")
    say("sla, 5,040 series: a letter of the filter to first byte, worst", max(waits), 50, " ms")


def huge_source(program):
    program.read(15)
    program.press("1n")
    program.read(10)
    waits, _ = program.keys(("j", "k", "G", "g"), 20)
    say("sla, 100,000 series at the source: key in the names, worst", max(waits), 50, " ms")
    program.press("\x1b")
    # All of them: sorted, filtered and scrolled by the server, which is asked again after each key that moves the window.
    program.press(':show {instance=~".+"}\r')
    if not program.shows(r"1–1000 of \d+ series", 90):
        broken.append("100,000 series are shown")
        print("100,000 series did not come on screen")
    program.read(20)
    waits, _ = program.keys(("j", "k", "G", "g", "s", "o"), 60)
    say("sla, 100,000 series in the table: key to first byte, worst of 60", max(waits), 50, " ms")
    program.press("/")
    waits, _ = program.keys(tuple("node_load"), 9, gap=0.4)
    program.press("\r")
    say("sla, 100,000 series in the table: a letter of the filter to first byte, worst", max(waits), 50, " ms")
    if not program.shows(r"\d+ of \d+ of \d+ ", 30):
        broken.append("100,000 series are filtered")
        print("100,000 series were not filtered")
    _, own = program.memory_kib()
    say("sla, 100,000 series in the table: resident without pages of files", own / 1024, None, " MiB")
    program.press("\x1b")
    program.read(5)
    program.press("\x10")
    program.read(2)
    waits, _ = program.keys(tuple("node_cpu"), 8, gap=0.5)
    say("sla, 100,000 series at the source: a letter in Ctrl-P, worst", max(waits), 50, " ms")
    resident, own = program.memory_kib()
    say("sla, 100,000 series at the source: resident without pages of files", own / 1024, None, " MiB")
    program.press("\x1b")


def main():
    os.makedirs(WORK, exist_ok=True)
    cores = os.cpu_count()
    print(f"load {os.getloadavg()[0]:.2f} on {cores} cores at the start", flush=True)
    own = {"first": 50, "B/s": 0, "wake-ups/s": 1, "CPU %": 0.1, "resident": 25, "key p50": 2, "key p99": 16, "move": 300, "tab": 6000, "quit": 100}
    profile("sla 80x24, nothing new", [SLA, "demo", "--frozen"], budgets=own, before="1")
    profile("sla 80x24, 1 sample/s", [SLA, "demo", "--step", "1s"], budgets={"B/s": 600})
    profile("sla 200x60, 1 sample/s", [SLA, "demo", "--step", "1s"], size=(200, 60), budgets={"B/s": 2000})
    if MONITORS:
        loader, library = MONITORS + "/usr/lib64/ld-linux-x86-64.so.2", MONITORS + "/usr/lib/x86_64-linux-gnu"
        for name, program, key in (("htop", "htop", "q"), ("btop", "btop", "q"), ("bottom", "btm", "q")):
            profile(f"{name} 80x24", [loader, "--library-path", library, f"{MONITORS}/usr/bin/{program}"], keys=("\x1b[B", "\x1b[A"), quit_key=key)
    first_frame_cold()
    hang_up(False)
    hang_up(True)
    bad_lines()
    on_server("SLA_BENCH_MANY", "5,040 series", many_series)
    on_server("SLA_BENCH_HUGE", "100,000 series", huge_source)
    print(f"load {os.getloadavg()[0]:.2f} at the end; budgets broken: {', '.join(broken) or 'none'}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

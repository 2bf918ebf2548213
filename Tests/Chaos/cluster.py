"""A throw-away PostgreSQL that the suite may kill, fill and freeze.

The server is a child of this process and not of pg_ctl's, so that a killed one is reaped here and leaves no zombie that a
later start takes for a living owner of the lock file. Whether it lives is asked by SQL, never by process id.
It is not tuned as the tests' clusters are: commits are written to the operating system before they are acknowledged,
because killing the server must lose nothing. fsync is off, since no scenario cuts the power.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

FAKETIME_LIBRARIES = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
                      "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"]


class SQLError(Exception):
    """psql ended with an error, or the server is away."""


def faketime_library():
    """Path of libfaketime, or None; installed by apt when this is root on Debian."""
    def found():
        return next((path for path in FAKETIME_LIBRARIES if os.path.exists(path)), None)
    if not found() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "faketime"], capture_output=True, check=False)
    return found()


def binaries():
    """The folder of initdb and postgres: PG_BIN, the PATH, pg_config, the newest in /usr/lib/postgresql."""
    candidates = [os.environ.get("PG_BIN", "")]
    if initdb := shutil.which("initdb"):
        candidates.append(os.path.dirname(os.path.realpath(initdb)))
    if shutil.which("pg_config"):
        candidates.append(subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip())
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    for folder in candidates + [str(path) for path in versions]:
        if folder and all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres", "psql")):
            return folder
    raise SystemExit("no PostgreSQL server found: install postgresql, or set PG_BIN to its bin folder")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """One server. `tmpfs`: what lies on a small file system in memory: 'all', 'data' without pg_wal, 'wal' alone."""

    def __init__(self, tmpfs=None, tmpfs_megabytes=160, faked_clock=False, settings=()):
        self.bin = binaries()
        # Not TMPDIR: the path of a socket has 107 bytes at most.
        self.folder = tempfile.mkdtemp(prefix="glossator-chaos-", dir="/tmp")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "server.log")
        self.disk = os.path.join(self.folder, "disk")
        self.clock = os.path.join(self.folder, "clock") if faked_clock else None
        self.mounted, self.process, self.port = False, None, free_port()
        self.settings = [
            "fsync=off", "full_page_writes=off", "shared_buffers=64MB", "jit=off", "max_connections=100",
            "logging_collector=off", "dynamic_shared_memory_type=mmap", "max_wal_size=8MB", "min_wal_size=2MB", *settings]
        self.become = []
        if os.geteuid() == 0:
            self.become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", "--"]
            shutil.chown(self.folder, "postgres", "postgres")
        extra = []
        try:
            if tmpfs:
                self.mount(tmpfs_megabytes)
                if tmpfs != "wal":
                    self.data = os.path.join(self.disk, "data")
                if tmpfs != "all":
                    extra = ["--waldir", os.path.join(self.disk if tmpfs == "wal" else self.folder, "wal")]
            if self.clock:
                self.set_clock("+0")
            self.run_as_server([os.path.join(self.bin, "initdb"), "-D", self.data, "-U", "postgres", "-A", "trust",
                                "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
                                "--wal-segsize=1", *extra])
            self.start()
        except BaseException:
            self.remove()
            raise

    # Life

    def run_as_server(self, command):
        done = subprocess.run([*self.become, *command], capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise SQLError(f"{command[0]}: {done.stdout}{done.stderr}")

    def mount(self, megabytes):
        os.makedirs(self.disk, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "glossator-chaos", self.disk], check=True)
        self.mounted = True
        shutil.chown(self.disk, "postgres", "postgres")

    def launch(self):
        faked = []
        if self.clock:
            # Every process reads the file at every look at the clock, so that all of them jump at once.
            faked = ["env", f"LD_PRELOAD={faketime_library()}", f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1",
                     "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]
        options = [word for setting in self.settings for word in ("-c", setting)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.become, *faked, os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.folder,
                 "-p", str(self.port), "-c", "listen_addresses=127.0.0.1", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)

    def start(self, limit=30):
        """Starts until SQL is answered. A start may be refused for a while: processes of the killed server that are
        not reaped yet hold its lock file or its shared memory."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                self.launch()
            if self.answers():
                return
            time.sleep(0.05)
        raise SQLError(f"the server does not start; see {self.log}")

    def answers(self):
        try:
            return self.sql("SELECT 1", "postgres", limit=5) == "1"
        except SQLError:
            return False

    def kill(self):
        """kill -9 of the postmaster and of all its children, as if the machine's memory had run out badly."""
        if self.process is None:
            return
        victims = [self.process.pid, *self.children()]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        self.process = None

    def children(self):
        """Server processes: children of the postmaster, which is a child of ours."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                fields = pathlib.Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(fields[1]) == self.process.pid:
                found.append(int(entry))
        return found

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def remove(self, keep_log_in=None):
        if self.process is not None and self.process.poll() is None:
            # Immediately, but by itself: it then takes its shared memory away.
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        if keep_log_in and os.path.exists(self.log):
            shutil.copy(self.log, keep_log_in)
        if self.mounted:
            # Killed processes may hold the file system for a moment.
            for _ in range(50):
                if subprocess.run(["umount", self.disk], capture_output=True).returncode == 0:
                    break
                time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Use

    def set_clock(self, offset):
        # Replaced in one step: a reader never sees half a file.
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(offset + "\n")
        os.chmod(self.clock + ".new", 0o644)
        os.rename(self.clock + ".new", self.clock)

    def conninfo(self, database, port=None):
        """Through the socket, or through a port of 127.0.0.1 (a proxy's)."""
        if port is None:
            return f"host={self.folder} port={self.port} user=postgres dbname={database}"
        # In the clear: the proxy looks for messages of the protocol.
        return f"host=127.0.0.1 port={port} user=postgres dbname={database} sslmode=disable gssencmode=disable"

    def sql(self, text, database, limit=60):
        """What psql prints, unaligned, fields separated by '|'; raises SQLError."""
        command = [os.path.join(self.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                   "-d", self.conninfo(database), "-f", "-"]
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, cwd="/")
        except subprocess.TimeoutExpired:
            raise SQLError(f"no answer within {limit} s: {text[:200]}") from None
        if done.returncode != 0:
            raise SQLError(done.stderr.strip() or f"psql ended with {done.returncode}")
        return done.stdout.strip("\n")

    def open_session(self, database):
        """A psql that stays; statements are written to its standard input."""
        return subprocess.Popen(
            [os.path.join(self.bin, "psql"), "-X", "-q", "-A", "-t", "-d", self.conninfo(database)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/")

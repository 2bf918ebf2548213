"""Real daemons, watched over as systemd would: what ends by itself or is killed is started again.

A fleet knows processes and signals, and one thing of the database: which daemon number a process got. It judges nothing
but exit codes.
"""

import os
import signal
import subprocess
import threading
import time

# A daemon refuses to start without its database (docs/operations.md); the service manager tries again.
DATABASE_AWAY = 69


class Daemon:
    """One slot of the fleet and the process that fills it now."""

    def __init__(self, fleet, slot, environment):
        self.fleet, self.slot = fleet, slot
        self.environment = environment
        self.process, self.starts, self.wanted, self.expects_death = None, 0, True, False
        self.restart_at = 0.0
        self.log_path = os.path.join(fleet.folder, f"daemon-{slot}.log")

    def launch(self):
        self.starts += 1
        with open(self.log_path, "ab") as log:
            log.write(f"--- start {self.starts} at {time.time():.3f}\n".encode())
            log.flush()
            # libfaketime sets a variable in the first process that loads it, and moves the environment; Swift finds its
            # arguments beside the environment, and would find none. So `env` is that first process.
            first = ["env"] if "LD_PRELOAD" in self.environment else []
            self.process = subprocess.Popen(
                [*first, self.fleet.binary, "run", *self.fleet.arguments], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.fleet.folder)
            log.write(f"--- pid {self.process.pid}\n".encode())

    def signal(self, number):
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def kill(self):
        """kill -9; the fleet starts another. Returns the process id that is gone."""
        self.expects_death = True
        process = self.process
        self.signal(signal.SIGKILL)
        if process is None:
            return None
        process.wait()
        return process.pid

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)


class Fleet:
    def __init__(self, binary, arguments, environment, folder, count, environments=None):
        """`environments`: what single slots have beside `environment`, by slot."""
        self.binary, self.arguments, self.folder = binary, arguments, folder
        self.lock = threading.Lock()
        self.exits, self.restart_after, self.closing = [], 1.0, False
        self.daemons = [
            Daemon(self, slot, {**environment, **(environments or {}).get(slot, {})}) for slot in range(count)]
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def start(self):
        for daemon in self.daemons:
            daemon.launch()
        self.watcher.start()

    def watch(self):
        while not self.closing:
            with self.lock:
                for daemon in self.daemons:
                    self.look_after(daemon)
            time.sleep(0.02)

    def look_after(self, daemon):
        if not daemon.wanted or self.closing:
            return
        now = time.monotonic()
        if daemon.process is not None and daemon.process.poll() is not None:
            if not daemon.expects_death:
                self.exits.append((daemon.slot, daemon.process.returncode))
            daemon.restart_at = now if daemon.expects_death else now + self.restart_after
            daemon.expects_death, daemon.process = False, None
        if daemon.process is None and now >= daemon.restart_at:
            daemon.launch()

    def unexpected(self, allows_away):
        """Exits that nobody caused: (slot, code)."""
        return [(slot, code) for slot, code in self.exits if not (allows_away and code == DATABASE_AWAY)]

    def restart_gracefully(self, daemon, limit):
        """SIGTERM, wait, start again. Returns (exit code, seconds); a code of None: it had to be killed."""
        with self.lock:
            daemon.wanted, process = False, daemon.process
        if process is None:
            daemon.wanted = True
            return 0, 0.0
        began = time.monotonic()
        code = self.end(process, limit)
        took = time.monotonic() - began
        with self.lock:
            daemon.process, daemon.restart_at, daemon.wanted = None, time.monotonic(), True
        return code, took

    @staticmethod
    def end(process, limit):
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def stop(self, limit=40):
        """SIGTERM to all at once. Returns the exit codes of those that were running."""
        self.closing = True
        if self.watcher.is_alive():
            self.watcher.join()
        running = [d.process for d in self.daemons if d.process is not None and d.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        codes = []
        end = time.monotonic() + limit
        for process in running:
            try:
                codes.append(process.wait(max(0.1, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes.append(None)
        return codes

    def said(self, words):
        """How many lines of all daemons' logs have these words."""
        count = 0
        for daemon in self.daemons:
            with open(daemon.log_path, encoding="utf-8", errors="replace") as log:
                count += sum(words in line for line in log)
        return count

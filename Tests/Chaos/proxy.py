"""A TCP proxy between daemons and server that does to a connection what networks do: delay, cut, half-close, silence.

It reads the protocol no further than to find a message's bytes (`COMMIT`, the name of a prepared statement) in what the
client sends. It is not for encrypted connections.
"""

import socket
import threading
import time

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Rule:
    """What happens once: `action` when `pattern` passes, or after `after_bytes` of the client's. Counted in `hits`.

    before     the message never reaches the server; both ends are closed
    after      the server gets it; its answer is swallowed, then both ends are closed
    racing     the server gets it and both ends are closed at once, while it may still be at work
    half-server, half-client   only one direction is closed, the other goes on
    blackhole  nothing passes for `pause` seconds, then both ends are closed
    stall      nothing passes for `pause` seconds, then everything goes on
    late       both ends of the client are closed at once; the server gets the message `pause` seconds later
    """

    def __init__(self, action, pattern=None, after_bytes=None, pause=0.3, times=1):
        self.action, self.pattern, self.after_bytes = action, pattern, after_bytes
        self.pause, self.left, self.hits = pause, times, 0


class Link:
    """One connection: two sockets, a thread a direction."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.sent, self.tail, self.swallows = 0, b"", False
        for work in (self.upstream, self.downstream):
            threading.Thread(target=work, daemon=True).start()

    def upstream(self):
        try:
            while data := self.client.recv(65536):
                time.sleep(self.proxy.delay())
                rule = self.proxy.rule_for(self, data)
                if rule is None:
                    self.server.sendall(data)
                elif not self.apply(rule, data):
                    return
        except OSError:
            pass
        self.close()

    def downstream(self):
        try:
            while data := self.server.recv(65536):
                time.sleep(self.proxy.delay())
                if not self.swallows:
                    self.client.sendall(data)
        except OSError:
            pass
        self.close()

    def apply(self, rule, data):
        """Returns whether the connection goes on."""
        action = rule.action
        if action in ("blackhole", "stall"):
            time.sleep(rule.pause)
        if action == "stall":
            self.server.sendall(data)
            return True
        if action == "after":
            self.swallows = True
            self.server.sendall(data)
            # Long enough for the server to have done it.
            time.sleep(rule.pause)
        elif action == "racing":
            self.server.sendall(data)
        elif action == "late":
            self.client.close()
            time.sleep(rule.pause)
            self.server.sendall(data)
            time.sleep(0.2)
        elif action == "half-server":
            self.server.sendall(data)
            self.server.shutdown(socket.SHUT_WR)
            return True
        elif action == "half-client":
            self.server.sendall(data)
            self.client.shutdown(socket.SHUT_WR)
            return True
        self.close()
        return False

    def close(self):
        for end in (self.client, self.server):
            try:
                # A close alone does not wake the other thread, which sits in recv.
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.proxy.forget(self)


class Proxy:
    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock, self.links, self.rules = threading.Lock(), set(), []
        self.delay_range, self.numbers = None, None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.links.add(Link(self, client, server))

    def arm(self, rule):
        with self.lock:
            self.rules.append(rule)
        return rule

    def disarm(self):
        with self.lock:
            self.rules.clear()

    def set_delay(self, low, high, numbers):
        """Every packet, either way, waits that long. `numbers` is a random.Random of the proxy's own."""
        self.numbers = numbers
        self.delay_range = (low, high) if high > 0 else None

    def delay(self):
        span = self.delay_range
        return self.numbers.uniform(*span) if span else 0

    def rule_for(self, link, data):
        """The rule that these bytes of the client's set off. A pattern may be split over two reads."""
        with self.lock:
            link.sent += len(data)
            window = link.tail + data
            link.tail = window[-64:]
            for rule in self.rules:
                if rule.pattern is not None:
                    position = window.find(rule.pattern)
                    # What ended in an earlier read has passed already.
                    met = position >= 0 and position + len(rule.pattern) > len(window) - len(data)
                else:
                    met = link.sent >= rule.after_bytes
                if met and rule.left > 0:
                    rule.left -= 1
                    rule.hits += 1
                    return rule
        return None

    def cut_all(self):
        with self.lock:
            links = list(self.links)
        for link in links:
            link.close()
        return len(links)

    def forget(self, link):
        with self.lock:
            self.links.discard(link)

    def close(self):
        self.listener.close()
        self.cut_all()

#!/usr/bin/env python3
"""A worker of a queue in Redis that loses no task.

It moves a task from the list `jobs` to the list `jobs:busy` (LMOVE), works on
it, and then takes it out there and counts it in `jobs:done`, both at once
(MULTI). Told to end (SIGTERM) it finishes the task that it has and takes no
other. It needs nothing but Python, and Redis 6.2 or newer.

REDIS_ADDRESS is host:port (127.0.0.1:6379) or the path of a socket and
REDIS_PASSWORD the password. PORT is where Flyball sees that the worker runs.
"""

import os
import signal
import socket
import threading
import time

ending = threading.Event()


class Redis:
    """A connection that speaks RESP."""

    def __init__(self, address, password):
        if address.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)))
        self.answers = self.socket.makefile("rb")
        if password:
            self.ask("AUTH", password)

    def ask(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(parts))
        return self.answer()

    def answer(self):
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        return rest


def work(task):
    """A task begins with the seconds that it takes; put your own here."""
    time.sleep(float(task.split()[0]))


def be_seen():
    """Accept connections at PORT, which says that this worker runs."""
    if "PORT" in os.environ:
        listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
        while True:
            listener.accept()[0].close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    threading.Thread(target=be_seen, daemon=True).start()
    redis = Redis(os.environ.get("REDIS_ADDRESS", "127.0.0.1:6379"), os.environ.get("REDIS_PASSWORD"))
    while not ending.is_set():
        task = redis.ask("BLMOVE", "jobs", "jobs:busy", "RIGHT", "LEFT", 1)
        if task is None:
            continue
        work(task)
        redis.ask("MULTI")
        redis.ask("LREM", "jobs:busy", 1, task)
        redis.ask("INCR", "jobs:done")
        redis.ask("EXEC")


if __name__ == "__main__":
    main()

"""A load generator: HTTP/1.1 over kept connections, one request after the other on each.

Runs as a process of its own, so that what it costs is seen apart:

    python bench/http_load.py PORT CLIENTS SECONDS FILE

FILE holds the requests as they go over the wire, each behind its length (four bytes). They are sent once each, round
and round with GET. Prints one JSON line: requests, seconds, statuses, latencies in ms, its own CPU seconds.
"""

import asyncio
import json
import resource
import struct
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import uvloop


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests, load):
        self.requests, self.load = requests, load
        self.pending = b""
        self.missing = 0

    def connection_made(self, transport):
        self.transport = transport
        self.next()

    def next(self):
        request = next(self.requests, None)
        if request is None or time.perf_counter() > self.load.until:
            self.load.ended()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data):
        if self.missing:
            self.missing -= len(data)
            if self.missing <= 0:
                self.done()
            return
        self.pending += data
        end = self.pending.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.pending[:end].lower()
        self.status = head[9:12]
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place > 0 else 0
        self.missing = end + 4 + length - len(self.pending)
        self.pending = b""
        if self.missing <= 0:
            self.done()

    def done(self):
        self.missing = 0
        self.load.latencies.append(time.perf_counter() - self.sent)
        self.load.statuses[self.status.decode()] += 1
        self.next()

    def connection_lost(self, error):
        if not self.load.finished.is_set():
            self.load.ended()


class Load:
    """All connections together."""

    def __init__(self, clients, seconds):
        self.left = clients
        self.until = time.perf_counter() + seconds
        self.latencies, self.statuses = [], Counter()
        self.finished = asyncio.Event()

    def ended(self):
        self.left -= 1
        if self.left == 0:
            self.finished.set()


def requests_of(path):
    content, place, found = Path(path).read_bytes(), 0, []
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        found.append(content[place + 4 : place + 4 + length])
        place += 4 + length
    return found


async def run(port, clients, seconds, path):
    found = requests_of(path)
    again = found[0].startswith(b"GET")
    requests = cycle(found) if again else iter(found)
    load = Load(clients, seconds)
    loop = asyncio.get_running_loop()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(clients):
        await loop.create_connection(lambda: Client(requests, load), "127.0.0.1", port)
    await load.finished.wait()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    ordered = sorted(load.latencies)
    print(
        json.dumps(
            {
                "requests": len(ordered),
                "seconds": seconds,
                "statuses": load.statuses,
                "p50": ordered[len(ordered) // 2] * 1000,
                "p99": ordered[len(ordered) * 99 // 100] * 1000,
                "cpu": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))

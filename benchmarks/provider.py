"""A provider that costs next to nothing to run, so that a benchmark measures our side. It speaks PixelAPI for sounds.

    python -m benchmarks.provider --port 0 --seconds 5

The sandbox is the faithful one; this one only answers fast. One asyncio loop, kept-alive connections, a ready WAV or
JPEG as the result. ``GET /_stats`` tells what arrived and when, ``POST /_reset`` forgets it and takes new settings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

SECOND_OF_SILENCE = (
    struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 8000, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 8000)
    + bytes([128]) * 8000
)


@dataclass
class State:
    seconds: float = 5.0  # from submit to result
    calls: int = 0  # rate limit: at most so many submits ...
    window: float = 0.0  # ... in so many seconds; 0: none
    submits: list[float] = field(default_factory=list)
    refused: int = 0
    polls: int = 0
    files: int = 0
    done_at: dict[str, float] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=deque)


class Provider(asyncio.Protocol):
    """HTTP/1.1, as much of it as our client sends: a head, a body of known length, one request after the other."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1")
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            method, path, _ = head.split("\r\n", 1)[0].split(" ")
            self.answer(method, path, body)

    def answer(self, method: str, path: str, body: bytes) -> None:
        state, now = self.state, time.time()
        if path.startswith("/files/"):
            state.files += 1
            self.send(200, SECOND_OF_SILENCE, "audio/wav")
        elif path == "/_stats":
            self.send_json(200, {**vars(state), "recent": None})
        elif path == "/_reset":
            state.__init__(**json.loads(body or b"{}"))  # type: ignore[misc]
            self.send_json(200, {})
        elif method == "POST":
            self.submitted(now)
        else:
            self.asked(path.rsplit("/", 1)[-1], now)

    def submitted(self, now: float) -> None:
        state = self.state
        if state.window:
            while state.recent and state.recent[0] <= now - state.window:
                state.recent.popleft()
            if len(state.recent) >= state.calls:
                state.refused += 1
                wait = max(1, round(state.recent[0] + state.window - now + 0.5))
                self.send_json(429, {"detail": "Rate limit exceeded"}, f"Retry-After: {wait}\r\n")
                return
            state.recent.append(now)
        state.submits.append(now)
        job = f"job-{len(state.submits)}-{int(now * 1e6)}"
        state.done_at[job] = now + state.seconds
        self.send_json(200, {"generation_id": job, "status": "queued", "model": "musicgen-small"})

    def asked(self, job: str, now: float) -> None:
        self.state.polls += 1
        done = self.state.done_at.get(job)
        if done is None:
            self.send_json(404, {"detail": "not found"})
        elif now < done:
            self.send_json(200, {"generation_id": job, "status": "processing"})
        else:
            host, port = self.transport.get_extra_info("sockname")[:2]
            link = f"http://{host}:{port}/files/{job}.wav"
            self.send_json(200, {"generation_id": job, "status": "completed", "output_url": link, "credits_used": 10})

    def send_json(self, status: int, value: Any, headers: str = "") -> None:
        self.send(status, json.dumps(value).encode(), "application/json", headers)

    def send(self, status: int, body: bytes, mime: str, headers: str = "") -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {mime}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.transport.write(head.encode() + body)


async def serve(port: int, state: State) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(state), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    asyncio.run(serve(given.port, State(seconds=given.seconds)))

"""Shoppers who ask for previews over HTTP while the web process is killed under them, and who ask again."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.api_stage import server

ASKING = 4  # at once
LATER = 2.0  # seconds until one who was told to wait, or heard nothing, asks again


class Web:
    """One process that serves the project, and another as soon as it is gone."""

    def __init__(self) -> None:
        self._running = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        self.port = self._running.enter_context(server())  # with the settings of the environment

    def kill(self) -> None:
        self._running.close()


@dataclass
class Visitor:
    token: str
    key: str = field(default_factory=lambda: str(uuid.uuid4()))  # one wish, however often it is sent
    row: str = ""  # what the answer named
    tries: int = 0
    refused: str = ""
    not_before: float = 0.0

    @property
    def is_over(self) -> bool:
        return bool(self.row or self.refused)


class Visitors:
    """``count`` of them, who come as they are let in."""

    def __init__(self, count: int, model_id: int) -> None:
        from tryon.identity import new_session

        self.everyone = [Visitor(new_session()[1]) for _ in range(count)]
        self._body = json.dumps({"product": "1", "model_id": model_id})
        self._to_come, self._waiting = deque(self.everyone), deque[Visitor]()
        self._asks, self._over = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(ASKING)]

    @contextlib.contextmanager
    def coming(self) -> Iterator[Visitors]:
        self._web = Web()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()
            self._web.kill()

    @property
    def left(self) -> int:
        return sum(1 for visitor in self.everyone if not visitor.is_over)

    def let_in(self, share: float) -> None:
        """As many as that share of the work, and a few more, so that nobody is left when it ends."""
        while self._to_come and len(self.everyone) - len(self._to_come) < share * 1.1 * len(self.everyone):
            self._waiting.append(self._to_come.popleft())

    def kill_web(self, rng: random.Random) -> None:
        """In the middle of a request, as long as there is one left to be made."""
        self._asks.clear()
        if self._to_come:
            self._waiting.append(self._to_come.popleft())
        self._asks.wait(1.0)
        time.sleep(rng.uniform(0.0, 0.05))  # the point of the request at which it dies
        self._web.kill()
        self._web.start()

    def _serve(self) -> None:
        while not self._over.wait(0.01):
            try:
                visitor = self._waiting.popleft()
            except IndexError:
                continue
            if visitor.not_before <= time.monotonic():
                self._asks.set()
                self._ask(visitor)
                visitor.not_before = time.monotonic() + LATER
            if not visitor.is_over:
                self._waiting.append(visitor)

    def _ask(self, visitor: Visitor) -> None:
        visitor.tries += 1
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=20)
        headers = {
            "Authorization": f"Bearer {visitor.token}",
            "Idempotency-Key": visitor.key,
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/tryon/api/v1/tryons/", self._body, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()
        if answer.status == 202:
            visitor.row = said["id"]
        elif answer.status < 500 and answer.status not in (409, 429):
            visitor.refused = f"{answer.status} {said.get('code')}"

    def books(self) -> dict[str, Any]:
        """What they were told against what there is."""
        from tryon.identity import hash_token
        from tryon.models import TryOnResult

        rows: dict[str, list[str]] = {}
        found = TryOnResult.objects.exclude(shopper=None).values_list("shopper__token_hash", "pk")
        for token_hash, pk in found:
            rows.setdefault(str(token_hash), []).append(str(pk))
        mine = [(visitor, rows.get(hash_token(visitor.token), [])) for visitor in self.everyone]
        return {
            "visitors": len(self.everyone),
            "who_asked_more_than_once": sum(1 for visitor in self.everyone if visitor.tries > 1),
            "refusals": dict(Counter(visitor.refused for visitor in self.everyone if visitor.refused)),
            "must_be_0": {
                "wishes_refused": sum(1 for visitor, _ in mine if visitor.refused),
                "wishes_unheard": sum(1 for visitor, _ in mine if not visitor.is_over),
                "wishes_promised_and_lost": sum(1 for visitor, own in mine if visitor.row and visitor.row not in own),
                "wishes_made_twice": sum(1 for _, own in mine if len(own) > 1),
            },
        }

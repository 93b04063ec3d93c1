"""The sandbox itself: one port, five providers, faults on demand, and a book of everything."""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import random
import socket
import threading
from collections.abc import Iterable, Mapping
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tryon.sandbox import services
from tryon.sandbox.accounts import Account, Accounts, Book, Call, Charge
from tryon.sandbox.clock import Clock
from tryon.sandbox.faults import Fault, Faults
from tryon.sandbox.handler import Handler
from tryon.sandbox.jobs import Job, Jobs
from tryon.sandbox.pictures import Maker, Mode
from tryon.sandbox.service import Results, Service, World
from tryon.sandbox.webhooks import Delivery, Webhooks

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"  # never another: it fetches addresses and answers every key
FORMS = ("seed", "today")
FAST = 0.05
SHUTDOWN_LOOK = 0.01  # seconds; tests start and stop hundreds of these


def service_types() -> dict[str, type[Service]]:
    """The providers by name: one module each in ``tryon.sandbox.services``, found by looking there."""
    found = {}
    for module in pkgutil.iter_modules(services.__path__):
        if not module.name.startswith("_"):
            kind: type[Service] = importlib.import_module(f"{services.__name__}.{module.name}").SERVICE
            found[kind.name] = kind
    return found


class Sandbox:
    """A server on this machine that speaks like the hosted providers.

        with Sandbox(port=0, pictures="drawn", pace=0.02) as sandbox:
            provider = FashnProvider(base_url=sandbox.url("fashn"), api_key="any", allow_private_hosts=True)

    ``pace`` scales waiting times and rate windows (1.0 is as documented; lifetimes of results are never scaled).
    ``pictures``: "auto" uses the local engine when it is set up, "engine" insists on it, "drawn" does without.
    ``limits=False`` switches the documented rate, concurrency and daily limits off. ``credits`` gives starting
    credits by provider, ``plans`` the plan (PixelAPI: free, starter, pro, scale).
    """

    def __init__(
        self,
        port: int = 8765,
        *,
        faults: Iterable[str | Mapping[str, Any] | Fault] = (),
        seed: int = 0,
        pace: float = 1.0,
        pictures: Mode = "auto",
        limits: bool = True,
        credits: Mapping[str, float] | None = None,
        plans: Mapping[str, str] | None = None,
    ) -> None:
        types = service_types()
        unknown = (set(credits or {}) | set(plans or {})) - set(types)
        if unknown:
            raise ValueError(f"unknown provider {', '.join(sorted(unknown))}; known: {', '.join(types)}")
        self.clock, self.book, self.faults = Clock(pace), Book(), Faults(seed)
        for spec in faults:
            self.faults.add(spec)

        def starting(name: str) -> tuple[float, str]:
            plan = (plans or {}).get(name, types[name].plan)
            return (credits or {}).get(name, types[name].starting_credits(plan)), plan

        self.accounts = Accounts(self.clock, self.book, starting)
        self.jobs = Jobs(self.clock, self.accounts, self._finished)
        self.webhooks = Webhooks(self.clock)
        self._results = Results(self.clock)
        world = World(
            self.clock, self.book, self.accounts, self.jobs, Maker(pictures), self._results, self.webhooks,
            self.faults, random.Random(seed), limits,  # noqa: S311 - waiting times
        )  # fmt: skip
        self.services: dict[str, Service] = {name: kind(world) for name, kind in types.items()}
        self.closing = threading.Event()
        self._server = Server((HOST, port), self)
        self._results.base_url = self.base_url
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(SHUTDOWN_LOOK,), name="sandbox", daemon=True)

    # ---- running

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def url(self, provider: str, form: str = "") -> str:
        """The base address of a provider. ``form`` "seed" or "today" refuses what only the other document has."""
        if provider not in self.services:
            raise KeyError(f"unknown provider {provider!r}; known: {', '.join(self.services)}")
        if form and form not in FORMS:
            raise KeyError(f"unknown form {form!r}; known: {', '.join(FORMS)}")
        return f"{self.base_url}/{form}/{provider}" if form else f"{self.base_url}/{provider}"

    def start(self) -> Self:
        self.jobs.start()
        self.webhooks.start()
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop everything; open connections are closed."""
        self.closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self.jobs.close()
        self.webhooks.close()
        self._server.drop_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- looking at it

    @property
    def calls(self) -> list[Call]:
        """Every request to a provider so far, oldest first."""
        return self.book.calls

    def charges(self, provider: str = "") -> list[Charge]:
        """Every booking so far, oldest first. Sum ``credits`` for what was really paid: refunds are negative."""
        self.jobs.settle()
        return [charge for charge in self.book.charges if provider in ("", charge.provider)]

    def account(self, provider: str, key: str) -> Account:
        """The account of a key; its ``credits`` and ``plan`` may be set."""
        return self.accounts.get(provider, key)

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to call a webhook."""
        return list(self.webhooks.deliveries)

    def _finished(self, job: Job) -> None:
        self.services[job.provider].finished(job)

    def state(self) -> dict[str, Any]:
        """What ``GET /_calls`` tells, without calls and charges."""
        self.jobs.settle()
        return {
            "now": self.clock.now(),
            "accounts": [
                {
                    "provider": account.provider,
                    "key_id": account.key_id,
                    "credits": account.credits,
                    "reserved": account.reserved,
                    "plan": account.plan,
                }
                for account in self.accounts.all()
            ],
            "live_jobs": len(self.jobs.live()),
        }

    def dump(self, value: Any) -> str:
        return json.dumps(value, default=str)


class Server(ThreadingHTTPServer):
    """Closes what is open when it stops: threads of kept-alive connections would outlive it otherwise."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.exception("a request to the sandbox broke")

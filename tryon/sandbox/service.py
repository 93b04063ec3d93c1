"""What the five providers have in common: routes, keys, rates, jobs, and where results can be fetched."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tryon.sandbox import broken
from tryon.sandbox.accounts import Account, Accounts, Book, Call, Headroom, Rate
from tryon.sandbox.clock import Clock
from tryon.sandbox.faults import Fault, Faults
from tryon.sandbox.inputs import Source
from tryon.sandbox.jobs import KEPT_BYTES, Job, JobFailed, Jobs, Made, Terms, Work
from tryon.sandbox.pictures import Maker
from tryon.sandbox.webhooks import Webhooks
from tryon.sandbox.wire import Refusal, Request, Response

HOUR = 3600.0
QUEUE_SECONDS, WORK_SECONDS = (0.2, 0.5), (0.8, 2.5)  # what a job takes, before the clock's pace

BOTH = ("seed", "today")


@dataclass(frozen=True, slots=True)
class Route:
    """One documented endpoint. ``{id}`` in the path matches one segment. ``forms``: in which documents it stands."""

    method: str
    path: str
    handler: str
    stage: str
    forms: tuple[str, ...] = BOTH

    @property
    def endpoint(self) -> str:
        return f"{self.method} {self.path}"

    def match(self, path: str) -> dict[str, str] | None:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()


@dataclass(slots=True)
class Exchange:
    """One request being answered."""

    request: Request
    call: Call
    ids: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    account: Account | None = None
    headroom: Headroom | None = None

    @property
    def customer(self) -> Account:
        if self.account is None:
            raise LookupError("an endpoint without a key has no account")
        return self.account

    def note(self, text: str) -> None:
        self.call.notes = (*self.call.notes, text)


class Results:
    """Finished files by their path on this server, until the clock passes their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, tuple[Made, float]] = {}
        self._held = 0
        self._lock = threading.Lock()
        self.base_url = ""

    def put(self, path: str, made: Made, seconds: float) -> str:
        """Returns the file's absolute address. A path that is there already keeps its file and time."""
        with self._lock:
            if path not in self._files:
                self._files[path] = (made, self._clock.now() + seconds)
                self._held += len(made.data)
            while self._held > KEPT_BYTES and len(self._files) > 1:
                self._held -= len(self._files.pop(next(iter(self._files)))[0].data)
        return self.base_url + path

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def answer(self, path: str) -> Response:
        made, until = self._files[path]
        if self._clock.now() > until:
            return expired()
        return Response(200, made.data, {"Content-Type": made.mime, "Cache-Control": "max-age=3600"})


def expired() -> Response:
    return Response.text("AccessDenied: Request has expired", 403, "application/xml")


@dataclass(frozen=True)
class World:
    """What all services of one sandbox share."""

    clock: Clock
    book: Book
    accounts: Accounts
    jobs: Jobs
    maker: Maker
    results: Results
    webhooks: Webhooks
    faults: Faults
    random: random.Random
    limits: bool


class Service:
    """One provider. Subclasses give the routes, and the shapes of its refusals."""

    name: ClassVar[str]
    credits: ClassVar[float] = 1000
    plan: ClassVar[str] = ""
    terms: ClassVar[Terms] = Terms(refund_failed=True, refund_blocked=True)
    routes: ClassVar[Sequence[Route]]
    failed_code: ClassVar[str] = ""  # of a job that fails for no reason of its own
    blocked_code: ClassVar[str] = ""  # of a job that content rules refuse

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    def starting_credits(cls, plan: str) -> float:
        """What an account has when it is new. Raises KeyError for a plan that the provider does not have."""
        return cls.credits

    # ---- what a provider must say in its own words

    def key(self, request: Request) -> str:
        """The key that the request carries, "" when there is none."""
        raise NotImplementedError

    def unauthorized(self, *, missing: bool = False) -> Response:
        raise NotImplementedError

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        raise NotImplementedError

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        raise NotImplementedError

    def not_found(self) -> Response:
        raise NotImplementedError

    def server_error(self, status: int, code: str = "") -> Response:
        raise NotImplementedError

    def finished(self, job: Job) -> None:
        """A job of this provider is over."""

    def decorate(self, exchange: Exchange, response: Response) -> None:
        """Headers that stand on every answer."""

    def gate(self, exchange: Exchange) -> None:
        """Raise a ``Refusal`` before the key is looked at."""

    # ---- finding and answering

    def find(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        for route in self.routes:
            if request.form != "both" and request.form not in route.forms:
                continue
            ids = route.match(request.path) if route.method == request.method else None
            if ids is not None:
                return route, ids
        return None, {}

    def answer(self, route: Route | None, exchange: Exchange) -> Response:
        """The provider's answer; a refusal is noted in the book."""
        try:
            self.gate(exchange)
            if route is None:
                raise Refusal(self.not_found(), "unknown endpoint")
            handler: Callable[[Exchange], Response] = getattr(self, route.handler)
            response = handler(exchange)
        except Refusal as refusal:
            exchange.call.refused = refusal.code
            response = refusal.response
        self.decorate(exchange, response)
        return response

    def sign_in(self, exchange: Exchange) -> Account:
        """The account of the key. A key with "revoked" in it is refused everywhere."""
        key = self.key(exchange.request)
        if not key or "revoked" in key:
            raise Refusal(self.unauthorized(missing=not key), "key")
        exchange.account = self.world.accounts.get(self.name, key)
        exchange.call.key_id = exchange.account.key_id
        return exchange.account

    def limit(self, exchange: Exchange, name: str, rate: Rate) -> None:
        """Count the request against a documented rate; refuse it when that is used up."""
        if not self.world.limits:
            return
        exchange.headroom = self.world.accounts.take(exchange.customer, name, rate)
        if exchange.headroom.retry_after:
            raise Refusal(self.rate_limited(str(max(1, round(exchange.headroom.retry_after + 0.5)))), "rate")

    # ---- jobs

    def start(
        self,
        exchange: Exchange,
        job_id: str,
        operation: str,
        cost: float,
        work: Work,
        *,
        first: Source | None = None,
        **details: Any,
    ) -> Job:
        """Take a job on. ``first`` is the picture that the fault "unchanged" gives back."""
        clock, draw = self.world.clock, self.world.random
        now = clock.now()
        faults = {rule.kind: rule for rule in exchange.faults if rule.phase == "job"}
        slow = faults["slow_job"].number("seconds", 30) if "slow_job" in faults else 0
        starts = now + draw.uniform(*QUEUE_SECONDS) * clock.pace
        ends = starts + draw.uniform(*WORK_SECONDS) * clock.pace + slow
        fate = next((kind for kind in ("stuck", "vanished") if kind in faults), "")
        job = Job(job_id, self.name, operation, exchange.customer, cost, self.terms, now, starts, ends, details, fate)
        exchange.call.job_id = job_id
        if not self.world.jobs.add(job, self._fated(faults, work, first)):
            exchange.call.job_id = ""
            raise Refusal(self.out_of_credits(exchange, cost), "credits")
        return job

    def own_job(self, exchange: Exchange, job_id: str, absent: Response | None = None) -> Job:
        """The job, when it is there and belongs to the key."""
        job = self.world.jobs.get(self.name, job_id)
        if job is None or job.account is not exchange.account:
            raise Refusal(absent or self.not_found(), "unknown job")
        exchange.call.job_id = job.id
        return job

    # ---- faults

    def _fated(self, faults: dict[str, Fault], work: Work, first: Source | None) -> Work:
        if "job_failed" in faults:
            rule = faults["job_failed"]
            return _failing(
                JobFailed(rule.text("code", self.failed_code), rule.text("message", "asked for by a fault"))
            )
        if "job_blocked" in faults:
            return _failing(JobFailed(self.blocked_code, "refused by content rules", blocked=True))
        if "unchanged" in faults and first is not None:
            return lambda: [Made(first.data, first.mime, "output_0.jpg")]
        return work

    def act(self, rule: Fault, exchange: Exchange, original: Response | None) -> Response:
        """The answer that a fault gives instead of the provider's."""
        retry_after = rule.text("retry_after")
        if rule.kind == "rate_limited":
            return self.rate_limited(retry_after or "1", rule.text("code"))
        if rule.kind == "out_of_credits":
            return self.out_of_credits(exchange, 1)
        if rule.kind == "unauthorized":
            return self.unauthorized()
        if rule.kind == "expired":
            return expired()
        if rule.kind == "garbage":
            return broken.garbage(rule)
        if rule.kind == "result":
            return broken.result(rule, original or Response())
        if rule.kind == "redirect":
            where = rule.text("location", "http://127.0.0.1:9/elsewhere")
            return Response(int(rule.number("status", 308)), b"", {"Location": where})
        if rule.kind == "answer":
            headers = dict(rule.options.get("headers", {}))
            return Response(int(rule.number("status", 200)), rule.text("body").encode(), headers)
        response = self.server_error(int(rule.number("status", 500)), rule.text("code"))
        if retry_after:
            response.headers["Retry-After"] = retry_after
        return response


def _failing(failure: JobFailed) -> Work:
    def work() -> list[Made]:
        raise failure

    return work

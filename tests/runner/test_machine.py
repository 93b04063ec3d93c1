"""Whatever happens in whatever order: judged from the provider's side, after every step.

One thread and one process stand for many: a drain is carried by hand, its threads' steps run where they are started,
and in the middle of a provider's call anything else may happen, a second drain that takes the first for dead included.
A crash refuses every further statement, so that nothing is given back, as after kill -9.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tryon import admission, caps, ledger, retention, strays, tasks
from tryon.choices import Operation, ProviderStatus, Status
from tryon.consent import current_notice, give_consent
from tryon.models import (
    FINAL,
    LIVE,
    MOVES,
    EntryState,
    Garment,
    LedgerEntry,
    ProviderAccount,
    Shopper,
    SpendCounter,
    TryOnOutput,
    TryOnResult,
    WorkerSlot,
)
from tryon.providers.base import (
    CallStyle,
    Capability,
    Charged,
    Output,
    Provider,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.runner import crash, decide, lanes, outcomes, steps
from tryon.runner.callbacks import make_token
from tryon.runner.clock import now
from tryon.runner.drain import Drain
from tryon.storage import result_storage

pytestmark = pytest.mark.django_db(transaction=True)

SOUND = b"RIFF\x04\x00\x00\x00WAVE" + bytes(40)
CAP = Decimal("0.30")  # thirty calls an hour: reached now and then
BUDGET = 0.3  # seconds a drain goes on where an account has to be waited for

# What a provider does with a call. Behind the colon: whether it was carried out and charged, and whether it says so.
SUBMITS = ["done", "done", "done", "refused", "blocked", "retry", "busy", "shut", "failed_charged"]
CUTS = ["cut_before", "cut_after", "broken_before", "broken_after"]
POLLS = ["done", "done", "processing", "failed_charged", "failed_refunded", "blocked", "lost", "late", "unusable"]
MEANWHILE = ["", "", "", "", "stall", "erase", "cancel", "webhook", "forget", "skew", "disk"]


class Died(BaseException):
    """The process is gone."""


@dataclass
class Post:
    """One paid request as the provider has it. ``said``: what its answer told about the money, None: no answer."""

    alias: str
    charged: bool = False
    said: Charged | None = None
    ended: str = ""  # how its job ended: every later question gets the same answer


@dataclass
class Books:
    """The provider's side."""

    posts: dict[str, list[Post]] = field(default_factory=lambda: defaultdict(list))
    jobs: dict[str, tuple[str, Post]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def post(self, alias: str, reference: str, *, paid: bool) -> Post:
        if paid and any(earlier.said != Charged.NO for earlier in self.posts[reference]):
            self.wrong.append(f"{reference} was sent again though it may have been paid")
        post = Post(alias)
        if paid:
            self.posts[reference].append(post)
        return post


class World:
    """What the machine and the fake providers share."""

    machine: ClassVar[Machine]
    books: ClassVar[Books]


class Fake(Provider):
    """Does what the machine's plan says next; without a plan everything succeeds."""

    settings_options: ClassVar[frozenset[str]] = frozenset({"options"})
    leaves_server: ClassVar[bool] = True
    credit_price = Decimal("0.01")

    @property
    def capabilities(self) -> Any:
        return {Operation.GENERATE_AUDIO: Capability(cost=1.0)}

    def submit(self, request: TryOnRequest) -> Submission:
        machine, kind = World.machine, World.machine.next_submit()
        post = World.books.post(self.alias, request.reference, paid=self.paid)
        machine.meanwhile(request.reference)
        post.charged = kind in ("done", "cut_after", "broken_after", "failed_charged")
        job = f"job-{len(World.books.jobs)}"
        if post.charged and kind != "failed_charged" and self.style == CallStyle.POLLING:
            World.books.jobs[job] = (request.reference, post)
        if kind in ("cut_before", "cut_after"):
            raise ProviderError("provider_down", "cut", charged=Charged.UNKNOWN)
        if kind in ("broken_before", "broken_after"):
            raise RuntimeError("not understood")
        post.said = Charged.YES if post.charged else Charged.NO
        if kind == "done":
            if self.style == CallStyle.POLLING:
                return Submission(job_id=job)
            return Submission(outputs=(Output(data=SOUND),), credits_used=1.0)
        code = {"blocked": "content_blocked", "shut": "config", "refused": "no_person"}.get(kind, "provider_down")
        raise ProviderError(
            code, kind, charged=post.said, retryable=kind in ("retry", "busy"), pace=kind == "busy", retry_after=0
        )

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        kind = World.machine.next_poll()
        reference, post = World.books.jobs.get(job_id, ("", None))
        if post is None or post.alias != self.alias:
            raise ProviderError("provider_down", "no such job")
        World.machine.meanwhile(reference)
        if kind == "lost":
            raise ProviderError("provider_down", "no such job")
        if kind == "late":
            raise ProviderError("provider_down", "try later", retryable=True, charged=Charged.UNKNOWN)
        if kind == "processing" and not post.ended:
            return Update(ProviderStatus.PROCESSING, progress=0.5)
        post.ended = post.ended or ("done" if kind == "unusable" else kind)
        kind = kind if kind == "unusable" and post.ended == "done" else post.ended
        if kind in ("failed_charged", "failed_refunded", "blocked"):
            post.charged = kind == "failed_charged"
            ended = ProviderStatus.BLOCKED if kind == "blocked" else ProviderStatus.FAILED
            charged = Charged.YES if post.charged else Charged.NO
            return Update(ended, error=ProviderError("provider_down", kind, charged=charged))
        return Update(ProviderStatus.SUCCEEDED, outputs=(Output(data=b"?" if kind == "unusable" else SOUND),))


class Polled(Fake):
    label: ClassVar[str] = "polled"
    style: ClassVar[CallStyle] = CallStyle.POLLING


class Blocking(Fake):
    label: ClassVar[str] = "blocking"
    style: ClassVar[CallStyle] = CallStyle.BLOCKING


class Free(Fake):
    label: ClassVar[str] = "free"
    style: ClassVar[CallStyle] = CallStyle.CPU
    paid: ClassVar[bool] = False


class InPlace(lanes.Lane):
    """A step runs where it is started."""

    def submit(self, step: Any) -> None:
        self.running += 1
        step()


def in_place() -> dict[CallStyle, lanes.Lane]:
    return {style: InPlace(style.value, 4, 8) for style in CallStyle}


@dataclass(frozen=True)
class Act:
    """What comes next at the provider's, and what happens meanwhile."""

    submit: str
    poll: str
    meanwhile: str


KINDS = st.sampled_from(["polled", "polled", "blocking", "blocking", "free", ""])
ACTS = st.builds(Act, st.sampled_from(SUBMITS + CUTS), st.sampled_from(POLLS), st.sampled_from(MEANWHILE))
DEATHS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(crash.POINTS), st.integers(1, 4)),
    st.tuples(st.sampled_from(["before a statement", "after a statement"]), st.integers(1, 60)),
)


class Machine(RuleBasedStateMachine):
    garment: ClassVar[Garment]
    traveller: ClassVar[Any]
    steps_taken: ClassVar[int] = 0
    seen: ClassVar[set[tuple[str, str]]] = set()  # moves, over all examples

    def __init__(self) -> None:
        super().__init__()
        World.machine, World.books = self, Books()
        self.plan: list[Act] = []
        self.act: Act | None = None
        self.death: tuple[str, int] | None = None
        self.dead = self.armed = False
        self.depth = self.refusals = 0
        self.shoppers: list[UUID] = []
        self.forgotten: set[UUID] = set()  # rows and shoppers that are erased
        empty()

    # ---- what the fakes ask

    def next_submit(self) -> str:
        self.act = self.plan.pop(0) if self.plan else None
        return self.act.submit if self.act else "done"

    def next_poll(self) -> str:
        self.act = self.plan.pop(0) if self.plan else None
        return self.act.poll if self.act else "done"

    def meanwhile(self, reference: str) -> None:
        armed, self.armed = self.armed, False  # other processes do it, and they live
        try:
            self.others_do(reference)
        finally:
            self.armed = armed

    def others_do(self, reference: str) -> None:
        what, pk = self.act.meanwhile if self.act else "", UUID(hex=reference)
        row = TryOnResult.objects.filter(pk=pk).first()
        if what == "stall" and self.depth == 1:
            WorkerSlot.objects.update(until=now() - timedelta(seconds=1))
            self.drain()
        elif what == "erase" and row:
            self.erase_row(row)
        elif what == "cancel" and row:
            admission.cancel(row)
        elif what == "webhook" and row:
            self.call_back(row, next((job for job, (of, _post) in World.books.jobs.items() if of == reference), ""))
        elif what == "forget" and row and row.shopper:
            self.erase_shopper(row.shopper)
        elif what == "skew":
            self.traveller.shift(timedelta(seconds=-120))
        elif what == "disk":
            self.refusals = 2

    def point(self, name: str) -> None:
        if self.armed and self.death and self.death[0] == name:
            self.death = (name, self.death[1] - 1)
            if not self.death[1]:
                self.die()

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):  # Django must not lose count of them
            return execute(sql, params, many, context)
        if self.dead:
            raise Died
        name = self.death[0] if self.armed and self.death else ""
        last = False
        if name.endswith("a statement"):
            self.death = (name, self.death[1] - 1)  # type: ignore[index]
            last = not self.death[1]
        if last and name.startswith("before"):
            self.die()
        done = execute(sql, params, many, context)
        if last:
            self.die()
        return done

    def die(self) -> None:
        self.dead = True
        raise Died

    def save(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError(28, "No space left on device")

    # ---- helpers

    def drain(self) -> None:
        self.depth += 1
        try:
            Drain(idle=0.0, budget=BUDGET).run()
        finally:
            self.depth -= 1

    def erase_row(self, row: TryOnResult) -> None:
        self.forgotten.add(row.pk)
        retention.delete_result(row)

    def erase_shopper(self, shopper: Shopper) -> None:
        self.forgotten |= {shopper.pk, *shopper.results.values_list("pk", flat=True)}
        retention.erase(shopper)

    def call_back(self, row: TryOnResult, job: str) -> None:
        token = make_token(row.provider, row.pk, row.attempts, int(timezone.now().timestamp()))
        address = reverse("tryon:webhook-in", kwargs={"alias": row.provider or "x", "pk": row.pk, "token": token})
        body = json.dumps({"id": job})
        # a request closes no connection here, so that the runner around it keeps its own
        response = Client().post(address, body, content_type="application/json")
        assert response.status_code in (200, 400, 401), response.status_code

    def pick(self, number: int, **fields: Any) -> TryOnResult | None:
        found = list(TryOnResult.objects.filter(**fields).order_by("created_at", "pk"))
        return found[number % len(found)] if found else None

    def noted(self, model: Any) -> Any:
        return model.objects.values_list("provider_job_id", flat=True)

    def some(self, number: int, statuses: Iterable[Status] = Status) -> TryOnResult:
        """A row of these; a new one where there is none."""
        row = self.pick(number, status__in=[status.value for status in statuses])
        return row or self.add(provider="polled", pinned=True)

    # ---- rules: one whose thing is not there makes it first. A condition would ask the database, where the drain's own
    # time has a say, and the same draws would not give the same rules again

    @rule(kind=KINDS, shopper=st.integers(-2, 2), count=st.integers(1, 4))
    def create(self, kind: str, shopper: int, count: int) -> None:
        fields: dict[str, Any] = {"provider": kind, "pinned": bool(kind)}
        if shopper >= 0:
            known = Shopper.objects.filter(pk__in=self.shoppers).exclude(pk__in=self.forgotten)
            owner = known.order_by("created_at")[shopper : shopper + 1].first() or Shopper.objects.create()
            self.shoppers.append(owner.pk)
            fields["shopper"] = owner
            fields["consent"] = give_consent(owner, current_notice().version, channel="web")
        for _ in range(count):
            self.add(**fields)

    def add(self, **fields: Any) -> TryOnResult:
        return TryOnResult.objects.create(
            operation=Operation.GENERATE_AUDIO.value,
            garment=self.garment,
            created_at=now(),
            next_at=now(),
            deadline_at=now() + timedelta(hours=1),
            **fields,
        )

    @rule(number=st.integers(0, 99))
    def again(self, number: int) -> None:
        """What came to nothing is asked for once more: another row, another call."""
        row = self.some(number, [Status.FAILED, Status.CANCELED])
        if row.status == Status.QUEUED:
            admission.cancel(row)
        self.add(provider=row.provider, pinned=row.pinned, shopper=row.shopper, consent=row.consent, again_of=row)

    @rule(plan=st.lists(ACTS, min_size=1, max_size=8), death=DEATHS)
    def work(self, plan: list[Act], death: tuple[str, int] | None) -> None:
        self.some(0, map(Status, LIVE))
        self.plan, self.death, self.armed = list(plan), death, True
        try:
            self.drain()
        except Died:
            pass
        finally:
            self.plan, self.death, self.act, self.refusals = [], None, None, 0
            self.dead = self.armed = False
            self.depth = 0

    @rule(
        number=st.integers(0, 99),
        named=st.sampled_from(["its own", "another's", "nobody's", ""]),
        times=st.integers(1, 3),
    )
    def webhook(self, number: int, named: str, times: int) -> None:
        row = self.some(number)
        jobs = World.books.jobs
        own = [job for job, (of, _post) in jobs.items() if of == row.pk.hex]
        # of one that was never written down here, nobody could say whose it is
        noted = {*self.noted(TryOnResult), *self.noted(LedgerEntry)}
        others = [job for job in jobs if job in noted and job not in own]
        job = {"its own": own[:1], "another's": others[:1], "nobody's": ["job-none"], "": []}[named]
        for _ in range(times):
            self.call_back(row, job[0] if job else "")

    @rule(number=st.integers(0, 99))
    def cancel(self, number: int) -> None:
        admission.cancel(self.some(number, map(Status, LIVE)))

    @rule(number=st.integers(0, 99))
    def erase(self, number: int) -> None:
        self.erase_row(self.some(number))

    @rule(number=st.integers(0, 99))
    def forget(self, number: int) -> None:
        if number % 3 == 0:
            if not Shopper.objects.filter(pk__in=self.shoppers).exists():
                self.create("polled", 0, 1)
            self.erase_shopper(Shopper.objects.filter(pk__in=self.shoppers).order_by("created_at")[0])

    @rule(number=st.integers(0, 99))
    def operator(self, number: int) -> None:
        """Somebody asks the provider about a call whose end nobody knew, and writes it down."""
        entries = list(LedgerEntry.objects.filter(state=EntryState.UNCERTAIN.value).order_by("pk"))
        if entries:
            entry = entries[number % len(entries)]
            row = TryOnResult.objects.filter(pk=entry.result_id).first()
            if row is None or row.status in FINAL:
                ledger.settle(entry, paid=self.charges(entry.result_id.hex) > 0)

    @rule()
    def watch(self) -> None:
        tasks.watch()

    @rule(seconds=st.sampled_from([1, 10, 20, 100, 700, 4000, 100_000]))
    def wait(self, seconds: int) -> None:
        age(timedelta(seconds=seconds))

    @rule(seconds=st.integers(-600, 600))
    def skew(self, seconds: int) -> None:
        """Somebody sets the clock of this machine."""
        self.traveller.shift(timedelta(seconds=seconds))

    # ---- what must hold after every step

    def charges(self, reference: str) -> int:
        return sum(post.charged for post in World.books.posts[reference])

    @invariant()
    def holds(self) -> None:
        type(self).steps_taken += 1
        assert not World.books.wrong, World.books.wrong
        rows = {row.pk: row for row in TryOnResult.objects.all()}
        entries: dict[UUID, list[LedgerEntry]] = defaultdict(list)
        for entry in LedgerEntry.objects.all():
            entries[entry.result_id].append(entry)
        self.money(rows, entries)
        self.scheduled(rows, entries)
        for old, new in moves():
            self.seen.add((old, new))
            assert Status(new) in MOVES[Status(old)], f"{old} -> {new}"
        assert not ledger.reconcile(), "a counter differs from its ledger rows"
        for counter in SpendCounter.objects.filter(scope="shop"):
            assert counter.micros <= caps.micros(CAP)

    def money(self, rows: dict[UUID, TryOnResult], entries: dict[UUID, list[LedgerEntry]]) -> None:
        for reference in list(World.books.posts):
            pk, charged = UUID(hex=reference), self.charges(reference)
            mine = entries[pk]
            assert len(World.books.posts[reference]) <= len(mine), "a request without a ledger row"
            assert charged <= 1, "paid twice"
            states = [entry.state for entry in mine]
            committed = states.count(EntryState.COMMITTED)
            still_open = states.count(EntryState.RESERVED) + states.count(EntryState.UNCERTAIN)
            assert committed <= charged <= committed + still_open, (states, charged)

    def scheduled(self, rows: dict[UUID, TryOnResult], entries: dict[UUID, list[LedgerEntry]]) -> None:
        for pk, row in rows.items():
            assert (row.next_at is not None) == (row.status in LIVE), "neither over nor waiting for its turn"
            assert pk not in self.forgotten, "it came back"
            states = [entry.state for entry in entries[pk]]
            if row.status in FINAL:
                assert EntryState.RESERVED not in states, f"{row.status} and still set aside"
            if row.status == Status.SUCCEEDED:
                assert states.count(EntryState.COMMITTED) == (row.provider != "free")
                assert [output.file.storage.exists(output.file.name) for output in row.outputs.all()] == [True]
        for entry in itertools.chain(*entries.values()):
            assert entry.shopper_id not in self.forgotten

    def teardown(self) -> None:
        """All is well again, and time passes: everything comes to its end and every cent is explained."""
        self.holds()
        for _ in range(30):
            if not TryOnResult.objects.live().exists():
                break
            age(timedelta(minutes=20))
            tasks.watch()
            self.drain()
        age(timedelta(hours=30))
        tasks.watch()
        self.holds()
        assert not TryOnResult.objects.exclude(status__in=sorted(FINAL)).exists()
        assert not LedgerEntry.objects.filter(state=EntryState.RESERVED.value).exists(), "set aside for ever"
        retention.sweep_erased()
        there = {UUID(hex=folder) for folder in strays.listed(result_storage(), "results")[0]}
        assert not there & self.forgotten, "files of what was erased"
        named = set(TryOnOutput.objects.values_list("file", flat=True))
        left = {stray.name for stray in strays.strays()}
        for folder in there:
            files = {
                f"results/{folder.hex}/{name}" for name in strays.listed(result_storage(), f"results/{folder.hex}")[1]
            }
            assert files <= named | left, "a file that nobody would find"


# ---------------------------------------------------------------- the stage


def age(by: timedelta) -> None:
    """Time passes: for every moment that the database compares with now."""
    columns = ["next_at", "deadline_at", "created_at", "updated_at", "started_at", "submitted_at", "hinted_at"]
    TryOnResult.objects.update(**{name: F(name) - by for name in columns})
    WorkerSlot.objects.update(until=F("until") - by, woken_at=F("woken_at") - by)
    ProviderAccount.objects.update(paused_until=F("paused_until") - by, open_until=F("open_until") - by)


def empty() -> None:
    for model in (TryOnResult, LedgerEntry, SpendCounter, WorkerSlot, ProviderAccount, Shopper):
        model._default_manager.all().delete()
    for stray in strays.strays():
        stray.storage.delete(stray.name)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM moves_made")
    lanes._last_answer.clear()


def moves() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT old, new FROM moves_made")
        return list(cursor.fetchall())


@pytest.fixture
def recorded(db: None) -> Iterator[None]:
    """The database itself notes every change of a status."""
    table, make, drop = TryOnResult._meta.db_table, [], []
    if connection.vendor == "postgresql":
        make = [
            "CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO moves_made VALUES (OLD.status, NEW.status); RETURN NEW; END $$",
            f"CREATE TRIGGER note_move AFTER UPDATE ON {table} FOR EACH ROW"
            " WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_move()",
        ]
        drop = [f"DROP TRIGGER note_move ON {table}", "DROP FUNCTION note_move"]
    else:
        note = "INSERT INTO moves_made VALUES (OLD.status, NEW.status)"
        make = [f"CREATE TRIGGER note_move AFTER UPDATE ON {table} WHEN OLD.status <> NEW.status BEGIN {note}; END"]
        drop = ["DROP TRIGGER note_move"]
    with connection.cursor() as cursor:
        for statement in ["CREATE TABLE moves_made (old varchar(12), new varchar(12))", *make]:
            cursor.execute(statement)
    yield
    with connection.cursor() as cursor:
        for statement in [*drop, "DROP TABLE moves_made"]:
            cursor.execute(statement)


@pytest.fixture
def staged(
    recorded: None, garment: Garment, tryon_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Machine]]:
    kinds = {"polled": "Polled", "blocking": "Blocking", "free": "Free"}
    tryon_settings(
        PROVIDERS={alias: {"BACKEND": f"{__name__}.{name}"} for alias, name in kinds.items()},
        ROUTES={"generate_audio": ["polled", "blocking"]},
        CAPS={"shop": {"hour": str(CAP)}, "shopper": {"day": "0.1"}},
        PUBLIC_URL="https://shop.example/tryon/",
    )
    monkeypatch.setattr("tryon.runner.drain.lanes", in_place)
    monkeypatch.setattr(decide, "FIRST_POLL_SECONDS", 0.0)
    monkeypatch.setattr(decide, "SHORTEST_POLL_SECONDS", 0.0)
    monkeypatch.setattr(decide, "POLL_SHARE_OF_ELAPSED", 0.0)
    monkeypatch.setattr(steps, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(outcomes, "LONGEST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(crash, "point", lambda name: World.machine.point(name))
    storage = type(result_storage())
    save = storage._save

    def saved(self: Any, name: str, content: Any) -> str:
        if name.startswith("results/"):
            World.machine.save()
        return str(save(self, name, content))

    monkeypatch.setattr(storage, "_save", saved)
    with time_machine.travel(timezone.now(), tick=True) as traveller, contextlib.ExitStack() as stack:
        Machine.garment, Machine.traveller, Machine.steps_taken = garment, traveller, 0
        Machine.seen = set()
        stack.enter_context(connection.execute_wrapper(lambda *args: World.machine.statement(*args)))
        Machine()  # the wrapper asks for one
        yield Machine


STEPS = int(os.environ.get("TRYON_MACHINE_STEPS", "100000"))
COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def test_the_machine(staged: type[Machine]) -> None:
    run_state_machine_as_test(
        staged, settings=settings(max_examples=12, stateful_step_count=30, derandomize=True, **COMMON)
    )
    assert {("submitting", "uncertain"), ("processing", "succeeded"), ("submitting", "queued")} <= staged.seen


@pytest.mark.prove
def test_the_machine_for_a_hundred_thousand_steps(staged: type[Machine]) -> None:
    examples = settings(max_examples=STEPS // 50, stateful_step_count=50, print_blob=True, **COMMON)
    run_state_machine_as_test(staged, settings=examples)
    assert staged.steps_taken >= STEPS
    assert {old for old, _new in staged.seen} >= {"queued", "submitting", "processing", "uncertain"}

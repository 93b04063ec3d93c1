"""Erasing wins over everything that is running: whenever it comes, nothing of the shopper is left or comes back.

Each run starts real try-ons of many shoppers, carries them with a real drain, and erases each shopper at a moment of
its own, while another thread goes on uploading, asking, sharing and judging in their name. Some shoppers are left
alone: they show that the runs do run, and that nobody else's pictures go.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.conf import settings as django_settings
from django.db import connections

from tests.conftest import plain_picture
from tests.providers.fakes import InstantProvider, JobProvider
from tryon import admission, feedback, retention, sharing
from tryon.choices import Operation, Status
from tryon.consent import current_notice, give_consent
from tryon.errors import TryOnError
from tryon.models import (
    Consent,
    Feedback,
    Garment,
    LedgerEntry,
    ShareLink,
    Shopper,
    ShopperPhoto,
    TryOnOutput,
    TryOnResult,
    WebhookDelivery,
    WebhookEndpoint,
)
from tryon.providers.base import CallStyle, Submission, TryOnRequest, Update
from tryon.runner.drain import Drain
from tryon.storage import garment_storage, photo_storage, result_storage
from tryon.strays import strays

pytestmark = pytest.mark.django_db(transaction=True)

# Threads need connections of their own, which an SQLite in memory does not give; see tests/browser/conftest.py.
if django_settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    django_settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(
        Path(tempfile.gettempdir()) / f"django-tryon-tests-{os.getpid()}.sqlite3"
    )

FOLDERS = ("photos", "results", "shares")
LEFT_ALONE = 6  # one in so many


class MoodyProvider(JobProvider):
    """Answers with a picture or with a job, now quicker, now slower."""

    label: ClassVar[str] = "moody"
    style: ClassVar[CallStyle] = CallStyle.BLOCKING

    def submit(self, request: TryOnRequest) -> Submission:
        time.sleep(random.uniform(0, 0.1))
        return super().submit(request) if random.random() < 0.5 else InstantProvider.submit(self, request)

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        time.sleep(random.uniform(0, 0.1))
        return super().poll(job_id, operation=operation)


@dataclass
class Case:
    shopper: Shopper
    consent: Consent
    photo: ShopperPhoto
    erased: bool


@pytest.fixture(autouse=True)
def place(tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    moody = {"BACKEND": "tests.test_erasure.MoodyProvider", "OPTIONS": {"polls": 1}}
    tryon_settings(PROVIDERS={"moody": moody}, MAX_QUEUE=10_000)
    monkeypatch.setattr("tryon.tasks._enqueue", lambda *args: None)
    for storage in (photo_storage(), result_storage(), garment_storage()):  # what other tests left there
        for folder in (*FOLDERS, "former", "masks"):
            shutil.rmtree(storage.path(folder), ignore_errors=True)


def begin(erased: bool, garment: Garment, dice: random.Random) -> Case:
    shopper = Shopper.objects.create()
    consent = give_consent(shopper, current_notice().version, channel="web")
    photo = admission.store_photo(shopper, plain_picture(600, 800, "#8899aa"), consent)
    for number in range(dice.randint(1, 2)):
        admission.request(admission.Demand(shopper, garment, photo=photo, idempotency_key=f"first {number}"))
    return Case(shopper, consent, photo, erased)


def restless(case: Case, garment: Garment, dice: random.Random) -> None:
    """What a shopper's other tab may do at the very same time. All of it may be refused, none of it may crash."""
    for number in range(3):
        time.sleep(dice.uniform(0, 0.05))
        try:
            deed = dice.choice(["upload", "ask", "share", "judge"])
            if deed == "upload":
                admission.store_photo(case.shopper, plain_picture(600, 800, "#8899aa"), case.consent)
            elif deed == "ask":
                key = f"again {number}"
                admission.request(admission.Demand(case.shopper, garment, photo=case.photo, idempotency_key=key))
            else:
                for result in TryOnResult.objects.filter(shopper=case.shopper, status=Status.SUCCEEDED):
                    sharing.share(result) if deed == "share" else feedback.give(result, liked=True)
        except TryOnError as error:
            assert error.code in {"consent_missing", "not_found", "sharing_off"}, error  # noqa: PT017


def rounds(number: int, size: int, seed: int, garment: Garment) -> None:
    for one in range(number):
        print(f"erasure: seed {seed + one}")  # noqa: T201 - shown when it fails
        one_round(size, random.Random(seed + one), garment)


def one_round(size: int, dice: random.Random, garment: Garment) -> None:
    WebhookEndpoint.objects.get_or_create(url="https://shop.example/hook")  # never called: what it is told waits
    cases = [begin(number % LEFT_ALONE != 0, garment, dice) for number in range(size)]
    # how long all of it takes is not known beforehand; some erasures come early, some late, most in the middle
    plan: list[tuple[float, Callable[[], Any]]] = []
    longest = 0.05 + 0.04 * size
    for case in cases:
        if case.erased:
            plan.append((dice.uniform(0, longest), lambda case=case: retention.erase(case.shopper)))  # type: ignore[misc]
            own = random.Random(dice.random())
            plan.append(
                (dice.uniform(0, longest), lambda case=case, own=own: restless(case, garment, own))  # type: ignore[misc]
            )
    carry_out(sorted(plan, key=lambda step: step[0]))
    finish()
    check(cases)
    retention_of_all(cases)


def carry_out(plan: list[tuple[float, Callable[[], Any]]]) -> None:
    drain = threading.Thread(target=in_thread, args=(lambda: Drain(idle=0.5).run(),))
    begun = time.monotonic()
    drain.start()
    with ThreadPoolExecutor(6) as pool:
        pending = []
        for at, work in plan:
            time.sleep(max(0.0, begun + at - time.monotonic()))
            pending.append(pool.submit(in_thread, work))
        wait(pending)
    drain.join(60)
    assert not drain.is_alive()
    for future in pending:
        future.result()


def in_thread(work: Callable[[], Any]) -> None:
    try:
        work()
    finally:
        connections.close_all()


def finish() -> None:
    for _ in range(20):
        if not TryOnResult.objects.live().exists():
            return
        Drain(idle=0.3).run()
    raise AssertionError("rows that never end")


def check(cases: list[Case]) -> None:
    erased = [case.shopper.pk for case in cases if case.erased]
    kept = [case.shopper.pk for case in cases if not case.erased]
    assert not TryOnResult.objects.filter(shopper__in=erased).exists()
    assert not ShopperPhoto.objects.filter(shopper__in=erased).exists()
    assert not LedgerEntry.objects.filter(shopper_id__in=erased).exists()
    assert not ShareLink.objects.exists()
    assert not Feedback.objects.exists()
    assert set(TryOnOutput.objects.values_list("result__shopper", flat=True)) == set(kept)
    assert not Consent.objects.filter(shopper__in=erased, withdrawn_at=None).exists()
    statuses = set(TryOnResult.objects.filter(shopper__in=kept).values_list("status", flat=True))
    assert statuses == {Status.SUCCEEDED.value}, "who was left alone got their preview"
    told = {json.loads(delivery.body)["data"]["id"] for delivery in WebhookDelivery.objects.all()}
    assert told == {str(pk) for pk in TryOnResult.objects.values_list("pk", flat=True)}, "and nothing about the others"
    named = {str(photo.file.name) for photo in ShopperPhoto.objects.all()}
    for output in TryOnOutput.objects.all():
        named |= {str(output.file.name), str(output.card.name), str(output.thumb.name)}
    assert files() == named, "every byte has its row, and nothing else is there"
    assert list(strays()) == []


def files() -> set[str]:
    roots = {Path(photo_storage().path("")), Path(result_storage().path(""))}
    return {
        str(path.relative_to(root))
        for root in roots
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def retention_of_all(cases: list[Case]) -> None:
    """The next round begins with an empty house."""
    for case in cases:
        retention.erase(case.shopper)
    assert files() == set()


def test_thirty_at_random_moments(garment: Garment) -> None:
    rounds(1, 36, random.randrange(10**6), garment)


@pytest.mark.prove
def test_a_thousand_at_random_moments(garment: Garment) -> None:
    rounds(34, 36, int(os.environ.get("SEED", random.randrange(10**6))), garment)

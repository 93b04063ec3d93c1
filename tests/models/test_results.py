"""The state machine and its constraints: the database refuses what the code must never do."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tryon.choices import Status
from tryon.models import FINAL, LIVE, MOVES, Garment, Shopper, TryOnOutput, TryOnResult

pytestmark = pytest.mark.django_db


def make(garment: Garment, status: Status = Status.QUEUED, **fields: Any) -> TryOnResult:
    defaults: dict[str, Any] = {"deadline_at": timezone.now() + timedelta(minutes=5)}
    if status not in LIVE:
        defaults["next_at"] = None
    return TryOnResult.objects.create(garment=garment, status=status, **{**defaults, **fields})


@pytest.mark.parametrize(("start", "target"), list(itertools.product(Status, Status)))
def test_only_listed_moves_happen(garment: Garment, start: Status, target: Status) -> None:
    result = make(garment, start)
    moved = TryOnResult.objects.filter(pk=result.pk).move(target)
    result.refresh_from_db()
    assert bool(moved) is (target in MOVES[start])
    assert result.status == (target if moved else start)
    assert result.version == 1 + moved


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(Status)
    assert {Status.SUCCEEDED, Status.FAILED, Status.BLOCKED, Status.CANCELED} == FINAL


def test_a_move_to_the_end_lets_go(garment: Garment) -> None:
    result = make(garment, Status.SUBMITTING, lease_owner="me")
    assert TryOnResult.objects.filter(pk=result.pk).move(Status.SUCCEEDED, held_by="me")
    result.refresh_from_db()
    assert (result.lease_owner, result.next_at) == ("", None)
    assert result.finished_at is not None


def test_a_lost_lease_moves_nothing(garment: Garment) -> None:
    result = make(garment, Status.SUBMITTING, lease_owner="somebody else")
    assert TryOnResult.objects.filter(pk=result.pk).move(Status.SUCCEEDED, held_by="me") == 0


def refused(**fields: Any) -> bool:
    try:
        with transaction.atomic():
            make(**fields)
    except IntegrityError:
        return True
    return False


def test_the_database_knows_the_words(garment: Garment) -> None:
    assert refused(garment=garment, status="done")
    assert refused(garment=garment, operation="paint")


def test_a_finished_row_is_never_due(garment: Garment) -> None:
    assert refused(garment=garment, status=Status.SUCCEEDED, next_at=timezone.now())


def test_one_row_for_one_key(garment: Garment) -> None:
    one, other = Shopper.objects.create(), Shopper.objects.create()
    make(garment, shopper=one, idempotency_key="k")
    assert refused(garment=garment, shopper=one, idempotency_key="k")
    assert not refused(garment=garment, shopper=other, idempotency_key="k")
    assert not refused(garment=garment, shopper=one, idempotency_key="")
    assert not refused(garment=garment, shopper=one, idempotency_key="")


def test_outputs_have_their_own_place(garment: Garment) -> None:
    result = make(garment)
    sizes = {"width": 1, "height": 1, "sha256": "0" * 64}
    TryOnOutput.objects.create(result=result, position=0, **sizes)
    with pytest.raises(IntegrityError), transaction.atomic():
        TryOnOutput.objects.create(result=result, position=0, **sizes)


def plan(queryset: Any) -> str:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # few rows: ask whether it could, not whether it pays
    return str(queryset.explain())


@pytest.mark.parametrize(
    ("index", "query"),
    [
        # both hold nothing but rows that are not over
        (
            "tryon_result_due|tryon_result_claim",
            lambda s, g: TryOnResult.objects.due(timezone.now()).order_by("next_at"),
        ),
        ("tryon_result_shopper", lambda s, g: TryOnResult.objects.for_shopper(s).order_by("-created_at")),
        ("tryon_result_expiry", lambda s, g: TryOnResult.objects.filter(expires_at__lte=timezone.now())),
        ("tryon_result_garment", lambda s, g: TryOnResult.objects.filter(garment=g, operation="model_shot")),
    ],
)
def test_queries_have_their_index(garment: Garment, shopper: Shopper, index: str, query: Any) -> None:
    assert re.search(index, plan(query(shopper, garment)))

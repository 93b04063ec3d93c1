"""The API's lists as their tables grow: the way that the database takes, and the time. See ``benchmarks.api``."""

from __future__ import annotations

import re
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from benchmarks.api_stage import WARM, Rows, database

MOST_TIMES = 1.5
SHOTS = dict.fromkeys(("to_review", "approved", "approved published", "rejected"), 0.5)  # shares of the rows


def lists(postgres: bool, rows: int, small: int = 1000) -> tuple[dict[str, Any], list[str]]:
    """(figures, what is not as it should be)."""
    with database(postgres):
        from tryon.models import Shopper

        stage = Rows()
        stage.busy = Shopper.objects.create()
        for _ in range(57):  # more than a page
            stage.add("succeeded")
        sizes: dict[int, dict[str, tuple[float, str]]] = {}
        there = 0
        for size in (small, rows):
            fill(stage, size - there, postgres)
            there = size
            sizes[size] = {name: (timed(query, stage), plan(query())) for name, query in queries(stage).items()}
    figures: dict[str, Any] = {"rows": [small, rows]}
    wrong = []
    for name, (before, old) in sizes[small].items():
        after, new = sizes[rows][name]
        same = "the same plan" if old == new else f"ANOTHER PLAN\n    {old}\n    {new}"
        print(f"{name:28} {before:5.2f} -> {after:5.2f}   {after / before:4.2f} times, {same}")
        figures[name] = {"times": round(after / before, 2), "same_plan": old == new}
        if old != new:
            wrong.append(f"{name}: another plan")
        if after / before > MOST_TIMES:
            wrong.append(f"{name}: {after / before:.2f} times, more than {MOST_TIMES}")
    return figures, wrong


def queries(stage: Rows) -> dict[str, Callable[[], Any]]:
    """What the list views ask for: their first page, and the page after a cursor in the middle."""
    from tryon.api import staff
    from tryon.api.starting import own_results
    from tryon.models import Batch, Garment

    active = Garment.objects.filter(active=True).order_by("id")
    newest = ("-created_at", "-id")
    shots = staff._shots().order_by(*newest)
    waiting = shots.filter(review="to_review", published_at__isnull=True)
    many = own_results(stage.busy).select_related(None).order_by(*newest)

    def after_the_first(found: Any) -> Any:
        """The second page, as a cursor asks for it."""
        return found.filter(created_at__lt=found.values_list("created_at", flat=True)[20])

    second = {name: after_the_first(found) for name, found in (("mine", many), ("shots", waiting))}
    batches = Batch.objects.order_by(*newest)
    second["batches"] = after_the_first(batches)
    approved = shots.filter(review="approved")
    return {
        "garments": lambda: active[:21],
        "garments of a category": lambda: active.filter(category="upper")[:21],
        "garments of a product": lambda: active.filter(product_ref="1")[:21],
        "garments, in the middle": lambda: active.filter(id__gt=500)[:21],
        "my sixty try-ons": lambda: own_results(stage.shopper).select_related(None).order_by(*newest)[:21],
        "my many try-ons": lambda: many[:21],
        "my many, second page": lambda: second["mine"][:21],
        "batches": lambda: batches[:21],
        "batches, second page": lambda: second["batches"][:21],
        "shots to review": lambda: waiting[:21],
        "shots, second page": lambda: second["shots"][:21],
        "shots approved": lambda: approved.filter(published_at__isnull=True)[:21],
        "shots published": lambda: approved.filter(published_at__isnull=False).order_by("-published_at", "-id")[:21],
        "shots rejected": lambda: shots.filter(review="rejected", published_at__isnull=True)[:21],
    }


def fill(stage: Rows, count: int, postgres: bool) -> None:
    """``count`` more rows in each table, like one that Django writes, made by the database itself."""
    from django.db import connection
    from django.utils import timezone

    from tryon.models import Batch, Garment, Shopper, TryOnOutput, TryOnResult

    now, mark = timezone.now(), str(uuid.uuid4())
    over: dict[str, Any] = {"garment": stage.garment, "status": "succeeded", "next_at": None, "deadline_at": now}
    alike = {name: getattr(stage.garment, name) for name in ("name", "category", "image", "thumb", "sha256")}
    stranger = Shopper.objects.create()
    ends = {"finished_at": now, "expires_at": now + timedelta(days=9)}
    picture = {"file": "f", "card": "c", "thumb": "t", "width": 1, "height": 1, "sha256": ""}
    rows: list[tuple[Any, int]] = [
        (Garment.objects.create(**alike, product_ref=mark, width=1, height=1), count),
        (TryOnResult.objects.create(**over, **ends, shopper=stranger), count),
        (TryOnResult.objects.create(**over, **ends, shopper=stage.busy), count // 10),
        (Batch.objects.create(operation="model_shot"), count),
    ]
    with connection.cursor() as cursor:
        for row, number in rows:
            copy(cursor, row, number - 1, postgres)
        for words, share in SHOTS.items():
            review, _space, published = words.partition(" ")
            shot = TryOnResult.objects.create(**over, operation="model_shot")
            copy(cursor, shot, int(count * share) - 1, postgres)
            output = TryOnOutput.objects.create(
                **picture, result=shot, review=review, published_at=now if published else None
            )
            copy(cursor, output, int(count * share) - 1, postgres)
        cursor.execute("ANALYZE")


def copy(cursor: Any, row: Any, count: int, postgres: bool) -> None:
    """Rows like ``row``, each with a key of its own, and each a second older than the one before."""
    table = row._meta.db_table
    own = {
        "published_at": "published_at - n * interval '1 second'",
        "product_ref": "product_ref || n",
        "created_at": "created_at - n * interval '1 second'",
        "result_id": "rid",
        "id": "gen_random_uuid()",
    }
    if not postgres:
        own |= {name: f"datetime({name}, '-' || n || ' seconds')" for name in ("created_at", "published_at")}
        own |= {"id": "lower(hex(randomblob(16)))"}
    columns = [field.column for field in row._meta.concrete_fields]
    if row._meta.pk.get_internal_type() != "UUIDField":
        columns.remove("id")
    cells = ", ".join(own.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    numbers = "generate_series(1, %s) AS s(n)"
    if not postgres:
        numbers = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT %s) SELECT n FROM s)"
    if row._meta.model_name == "tryonoutput":  # one for each shot that has none yet
        numbers = (
            "(SELECT r.id AS rid, row_number() OVER () AS n FROM tryon_tryonresult r LEFT JOIN tryon_tryonoutput o "
            "ON o.result_id = r.id WHERE r.operation = 'model_shot' AND o.id IS NULL LIMIT %s) s"
        )
    key = row.pk if postgres or isinstance(row.pk, int) else row.pk.hex
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {cells} FROM {table} t, {numbers} WHERE t.id = %s",  # noqa: S608
        [count, key],
    )
    assert cursor.rowcount == count, (table, cursor.rowcount)


def timed(query: Callable[[], Any], stage: Rows, times: int = 200) -> float:
    """How long it takes, measured by a look-up of one row beside it: the machine is not the same an hour later."""
    from tryon.models import Garment

    ways = {"query": query, "row": lambda: Garment.objects.filter(pk=stage.garment.pk)}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times + WARM):
        for name, way in ways.items():
            began = time.perf_counter()
            list(way())
            spent[name].append(time.perf_counter() - began)
    here, row = (statistics.quantiles(spent[name][WARM:], n=10)[0] for name in ways)
    return here / row


def plan(query: Any) -> str:
    """The way the database takes, without its figures."""
    lines = query.explain().splitlines()
    return " | ".join(re.sub(r"\(cost.*?\)|^\d+ \d+ \d+ |'[^']*'|\s+", " ", line).strip() for line in lines)

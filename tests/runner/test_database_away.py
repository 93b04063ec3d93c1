"""The database goes away in the middle: what came back is kept and written later, and no page breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from tests.conftest import only_on_postgres
from tests.runner.conftest import drain, statuses
from tryon import ledger
from tryon.choices import Status
from tryon.models import EntryState, LedgerEntry, TryOnResult
from tryon.runner.drain import Drain
from tryon.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

Rows = Callable[..., list[TryOnResult]]
Entry = Callable[..., dict[str, Any]]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """``away(True)``: every statement of this process fails, as when the server is gone."""
    gone = threading.Event()

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if gone.is_set():
            raise OperationalError("the server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    # the wrapper sits on the connection object, which lives on when its socket is closed
    connection.execute_wrappers.append(refuse)

    def switch(value: bool) -> None:
        (gone.set if value else gone.clear)()

    yield switch  # type: ignore[misc]
    gone.clear()
    connection.execute_wrappers.remove(refuse)


class Interrupted(Drain):
    """Loses its database when the first answer is there, for a moment."""

    def __init__(self, away: Callable[[bool], None], seconds: float) -> None:
        super().__init__(idle=0.4)
        self.switch, self.seconds, self.done = away, seconds, False

    def _settle(self, job: Any, value: Any) -> None:
        super()._settle(job, value)
        if not self.done:
            self.done = True
            self.switch(True)
            threading.Timer(self.seconds, self.switch, [False]).start()


def test_outcomes_are_kept_until_they_can_be_written(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, away: Callable[[bool], None]
) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi"), "pixelcut": entry("pixelcut")})
    made = [*rows(3, provider="pixelapi"), *rows(3, provider="pixelcut")]
    Interrupted(away, 1.5).run()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 6
    assert sum(call.stage == "submit" for call in sandbox.calls) == 6
    assert set(LedgerEntry.objects.values_list("state", flat=True)) == {EntryState.COMMITTED}
    assert float(ledger.spent().credits) == sum(charge.credits for charge in sandbox.charges())


@pytest.mark.postgres
def test_killed_connections_are_replaced(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    only_on_postgres()
    import psycopg

    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    made = rows(4)
    connection.ensure_connection()
    where = connection.get_connection_params()

    def kill() -> None:
        with psycopg.connect(
            host=where["host"], port=where["port"], dbname=where["dbname"], user=where["user"], autocommit=True
        ) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    class Killed(Drain):
        kills = 0

        def _settle(self, job: Any, value: Any) -> None:
            super()._settle(job, value)
            if Killed.kills < 3:
                Killed.kills += 1
                kill()

    Killed(idle=0.4).run()
    connections.close_all()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 4
    assert sum(call.stage == "submit" for call in sandbox.calls) == 4


@pytest.mark.postgres
def test_a_read_only_database_costs_time_only(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    only_on_postgres()
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    made = rows(3)

    class ReadOnly(Drain):
        done = False

        def _settle(self, job: Any, value: Any) -> None:
            super()._settle(job, value)
            if not ReadOnly.done:
                ReadOnly.done = True
                with connection.cursor() as cursor:
                    cursor.execute("SET default_transaction_read_only = on")  # until the connection is replaced

    ReadOnly(idle=0.4).run()
    connections.close_all()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 3
    assert sum(call.stage == "submit" for call in sandbox.calls) == 3


def test_a_callback_is_asked_to_come_again(away: Callable[[bool], None]) -> None:
    import time
    import uuid

    from django.urls import reverse

    from tryon.runner.callbacks import make_token

    pk = uuid.uuid4()
    token = make_token("fashn", pk, 1, int(time.time()))
    away(True)
    response = Client().post(
        reverse("tryon:webhook-in", kwargs={"alias": "fashn", "pk": pk, "token": token}),
        data={"id": "x"},
        content_type="application/json",
    )
    assert response.status_code == 503
    assert response["Retry-After"]

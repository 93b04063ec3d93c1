"""The operators' commands: what they say, how they end, and that they never show a key or a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import Schedule

from tests.providers.fakes import HostedProvider, setting
from tryon import retention, tasks
from tryon.choices import Operation, Status
from tryon.models import (
    EntryState,
    Garment,
    LedgerEntry,
    Mark,
    Outcome,
    PresetModel,
    ProviderAccount,
    TryOnResult,
    WorkerSlot,
)
from tryon.providers.base import Balance
from tryon.storage import photo_storage

pytestmark = pytest.mark.django_db
COMMANDS = ["tryon_doctor", "tryon_providers", "tryon_requeue", "tryon_stats"]
MINUTE = timedelta(minutes=1)
SECRET = "sk_live_never_to_be_seen"


class BankedProvider(HostedProvider):
    """Has an account with something on it."""

    label = "banked"
    credit_price = Decimal("0.04")

    def credits(self, operation: Operation, options: Any) -> tuple[float, float]:
        return 1.0, 2.0

    def balance(self) -> Balance:
        return Balance(float(self.defaults.get("credits", 7)))


def banked(**options: Any) -> dict[str, Any]:
    return {"BACKEND": "tests.test_commands_operations.BankedProvider", "OPTIONS": {"options": options}}


def run(*args: str, **options: Any) -> tuple[int, str]:
    """(exit code, what was printed)."""
    stream = io.StringIO()
    try:
        call_command(*args, stdout=stream, **options)
    except SystemExit as stopped:
        return int(stopped.code or 0), stream.getvalue()
    return 0, stream.getvalue()


def told(*args: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*args, "--json")[1])
    return answer


@pytest.fixture
def healthy(tryon_settings: Callable[..., None], instant: None, settings: Any, tmp_path: Path) -> None:
    """A project in which nothing is missing."""
    settings.DEBUG = True  # without it the built-in engine alone is worth a warning
    filebased = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": filebased, "LOCATION": str(tmp_path)}}
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "sync": False}
    tasks.install_schedules()
    tasks.watch()
    retention.purge()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command(command, "--help")
    assert stopped.value.code == 0
    assert f"Example: python manage.py {command}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_silence(command: str, instant: None) -> None:
    assert run(command, verbosity=0)[1] == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_without_tables_there_is_no_traceback(command: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tryon_shop.settings", "TRYON_SHOP_VAR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "manage.py", command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 1
    assert "manage.py migrate" in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


class TestDoctor:
    def lines(self, *args: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for line in told("tryon_doctor", *args)["lines"]:
            found.setdefault(line["area"], []).append(line)
        return found

    def test_a_healthy_shop(self, healthy: None) -> None:
        code, text = run("tryon_doctor")
        assert (code, "0 warn, 0 fail" in text) == (0, True), text

    def test_every_fault_says_what_to_run(self, healthy: None) -> None:
        Schedule.objects.all().delete()
        Mark.done(Mark.PURGE, timezone.now() - timedelta(days=2))
        Mark.done(Mark.WORKER, timezone.now() - timedelta(hours=1))
        code, _text = run("tryon_doctor")
        assert code == 1
        found = self.lines()
        assert found["schedules"][0]["todo"] == "python manage.py tryon_setup --only schedules"
        assert found["purge"][0]["todo"] == "python manage.py tryon_purge"
        assert found["worker"][0]["todo"] == "python manage.py qcluster"
        assert {found[area][0]["state"] for area in ("schedules", "purge", "worker")} == {"fail"}

    def test_what_needs_attention_is_exit_3(self, healthy: None) -> None:
        Mark.objects.filter(name=Mark.WORKER).delete()
        code, text = run("tryon_doctor")
        assert code == 3
        assert "none has been seen yet" in text
        assert "-> python manage.py qcluster" in text

    def test_a_storage_that_refuses(
        self, healthy: None, tryon_settings: Callable[..., None], settings: Any, tmp_path: Path
    ) -> None:
        blocked = tmp_path / "blocked"
        blocked.write_text("a file where a folder should be")
        settings.STORAGES = {
            **settings.STORAGES,
            "broken": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(blocked)}},
        }
        tryon_settings(PHOTO_STORAGE="broken")
        (line,) = [line for line in self.lines()["storage"] if line["state"] == "fail"]
        assert "PHOTO_STORAGE" in line["words"]
        assert "broken" in line["todo"]

    def test_public_pictures(self, healthy: None, tryon_settings: Callable[..., None], settings: Any) -> None:
        tryon_settings(PRIVATE_ROOT=str(Path(settings.MEDIA_ROOT) / "people"))
        assert [line["state"] for line in self.lines()["privacy"]] == ["fail", "fail"]

    def test_nothing_is_left_in_the_storage(self, healthy: None) -> None:
        photo_storage().save("doctor/other.bin", ContentFile(b"x"))
        run("tryon_doctor")
        assert photo_storage().listdir("doctor")[1] == ["other.bin"]
        photo_storage().delete("doctor/other.bin")

    def test_settings_that_are_wrong(self, healthy: None, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(DALY_LIMIT=3)
        (line,) = self.lines()["settings"]
        assert (line["state"], line["todo"]) == ("fail", 'Did you mean "DAILY_LIMIT"?')

    def test_keys_are_never_printed(self, healthy: None, tryon_settings: Callable[..., None]) -> None:
        options = {"api_key": SECRET, "base_url": "http://127.0.0.1:9", "allow_private_hosts": True}
        tryon_settings(PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options}})
        for args in (["-v", "3"], ["--json"]):
            code, text = run("tryon_doctor", "--online", *args)
            assert code == 1
            assert "a key is present" in text
            assert "no balance: " in text
            assert SECRET not in text

    def test_a_key_that_is_missing(self, healthy: None, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider"}})
        (line,) = self.lines("--provider", "fashn")["provider fashn"]
        assert line["state"] == "fail"
        assert 'os.environ["FASHN_API_KEY"]' in line["words"]

    def test_one_provider(self, healthy: None, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(PROVIDERS={"a": banked(), "b": banked(credits=0)})
        assert list(self.lines("--provider", "a")) == ["provider a"]
        assert self.lines("--provider", "a", "--online")["provider a"][-1]["words"] == "7 credits left"
        empty = self.lines("--provider", "b", "--online")["provider b"][-1]
        assert (empty["state"], empty["words"]) == ("fail", "0 credits left")
        with pytest.raises(CommandError, match="Known are: a, b") as stopped:
            call_command("tryon_doctor", "--provider", "nobody")
        assert stopped.value.returncode == 2

    @pytest.mark.parametrize(
        ("fields", "state", "words"),
        [
            ({"stopped": True}, "warn", "Paused by staff"),
            ({"paused_until": 1, "paused_because": "config: out of credits"}, "fail", "out of credits"),
            ({"open_until": 1, "last_error": "HTTP 503"}, "fail", "Circuit open: HTTP 503"),
            ({"failures": 2}, "warn", "2 failures in a row"),
            ({"drift": Decimal(3)}, "warn", "3 credits are gone"),
        ],
    )
    def test_accounts(
        self, healthy: None, tryon_settings: Callable[..., None], fields: dict[str, Any], state: str, words: str
    ) -> None:
        later = timezone.now() + MINUTE
        fields = {name: later if value == 1 and name.endswith("until") else value for name, value in fields.items()}
        tryon_settings(PROVIDERS={"a": banked()})
        ProviderAccount.objects.create(alias="a", **fields)
        found = [line for line in self.lines("--provider", "a")["provider a"] if line["state"] != "ok"]
        assert [line["state"] for line in found] == [state]
        assert words in found[0]["words"]

    def test_alerts_are_in_it(self, healthy: None, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(CAPS={"shop": {"day": 1}})
        LedgerEntry.objects.create(result_id=TryOnResult().pk, provider="a", operation="try_on", amount=1)
        (line,) = self.lines()["alerts"]
        assert "is used up" in line["words"]


class TestProviders:
    def test_matrix_and_health(self, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(PROVIDERS={"a": banked(), "b": setting("InstantProvider")}, ROUTES={"try_on": ["b", "a"]})
        Outcome.objects.create(provider="a", operation="try_on", status="succeeded", created_at=timezone.now())
        Outcome.objects.create(provider="a", operation="try_on", status="failed", created_at=timezone.now())
        first, second = told("tryon_providers")["providers"]
        assert (first["alias"], first["backend"], first["state"], first["down"]) == ("a", "banked", "Well", False)
        assert first["operations"]["try_on"]["route"] == 2
        assert first["operations"]["try_on"]["options"] == ["tint"]
        assert first["week"]["success_rate"] == 0.5
        assert (second["alias"], second["paid"]) == ("b", False)
        text = run("tryon_providers")[1]
        assert "a: Well (50.0 % of 2 in 7 days)" in text
        assert "no. 1 in the route" in text

    def test_one_that_is_down_is_exit_3(self, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(PROVIDERS={"a": banked()})
        assert run("tryon_providers")[0] == 0
        ProviderAccount.objects.filter(alias="a").update(stopped=True)
        code, text = run("tryon_providers")
        assert (code, "Paused by staff" in text) == (3, True)


class TestStats:
    @pytest.fixture
    def usage(self) -> None:
        now = timezone.now()
        fields = {"operation": "try_on", "created_at": now - MINUTE, "waited": 1.0}
        Outcome.objects.create(provider="fashn", status="succeeded", took=8.0, **fields)
        Outcome.objects.create(provider="fashn", status="succeeded", took=10.0, **fields)
        Outcome.objects.create(provider='od"d', status="failed", error_code="timed_out", **fields)
        LedgerEntry.objects.create(
            result_id=TryOnResult().pk, provider="fashn", operation="try_on", amount="0.075", state="committed"
        )

    def test_json(self, usage: None) -> None:
        found = told("tryon_stats", "--since", "1h")
        assert found["now"]["tryons"] == 3
        assert found["now"]["latency"] == {"count": 2, "p50": 9.0, "p95": 9.9}
        assert found["spend"] == {"fashn": "0.075"}
        assert found["failures"] == {"timed_out": 1}
        assert json.loads(run("tryon_stats", "--format", "json")[1])["now"] == found["now"]

    def test_table(self, usage: None) -> None:
        lines = dict(line.split(maxsplit=1) for line in run("tryon_stats")[1].splitlines())
        assert lines["now.tryons"] == "3"
        assert lines["latency.fashn.p50"] == "9"

    def test_csv(self, usage: None) -> None:
        rows = dict(csv.reader(io.StringIO(run("tryon_stats", "--format", "csv")[1])))
        assert rows["now.succeeded"] == "2"
        assert rows["spend.fashn"] == "0.075"
        assert rows["budget.limit"] == ""

    def test_prometheus(self, usage: None) -> None:
        lines = run("tryon_stats", "--format", "prometheus")[1].splitlines()
        assert 'tryon_tryons{status="succeeded"} 2' in lines
        assert 'tryon_latency_seconds{provider="fashn",quantile="0.5"} 9' in lines
        assert 'tryon_failures{code="timed_out"} 1' in lines
        assert "tryon_waiting 0" in lines
        names = [line.split("{")[0].split()[0] for line in lines if not line.startswith("#")]
        groups = [name for place, name in enumerate(names) if not place or names[place - 1] != name]
        assert len(groups) == len(set(groups)), "the samples of a name stand together"
        assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == set(names)

    @pytest.mark.parametrize("since", ["", "7", "d", "0d", "-1d", "7y"])
    def test_a_time_that_is_none(self, since: str) -> None:
        with pytest.raises(CommandError, match="is no length of time") as stopped:
            call_command("tryon_stats", f"--since={since}")
        assert stopped.value.returncode == 2


class TestRequeue:
    @pytest.fixture
    def row(
        self, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
    ) -> Callable[..., TryOnResult]:
        tryon_settings(PROVIDERS={"a": banked()})

        def make(status: Status, **fields: Any) -> TryOnResult:
            now = timezone.now()
            live = status in (Status.QUEUED, Status.SUBMITTING, Status.PROCESSING)
            clocks = {"next_at": now - MINUTE if live else None, "finished_at": None if live else now - MINUTE}
            defaults = {"operation": Operation.MODEL_SHOT.value, "provider": "a", "preset_model": preset_model}
            deadline = now + timedelta(hours=1)
            return TryOnResult.objects.create(
                garment=garment, status=status, deadline_at=deadline, **{**defaults, **clocks, **fields}
            )

        return make

    @pytest.fixture(autouse=True)
    def queue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("django_q.conf.Conf.SYNC", False)

    def test_rows_of_a_dead_worker_are_freed(self, row: Callable[..., TryOnResult]) -> None:
        now = timezone.now()
        WorkerSlot.objects.create(name="drain-0", owner="alive", until=now + MINUTE, woken_at=now)
        dead, alive = row(Status.PROCESSING, lease_owner="dead"), row(Status.PROCESSING, lease_owner="alive")
        assert told("tryon_requeue", "--dry-run")["freed"] == 1
        dead.refresh_from_db()
        assert dead.lease_owner == "dead"
        assert told("tryon_requeue", "--stalled")["freed"] == 1
        dead.refresh_from_db()
        alive.refresh_from_db()
        assert (dead.lease_owner, alive.lease_owner) == ("", "alive")

    def test_waiting_rows_ring(self, row: Callable[..., TryOnResult]) -> None:
        from django_q.models import OrmQ

        row(Status.QUEUED)
        code, text = run("tryon_requeue")
        assert (code, OrmQ.objects.count()) == (0, 1)
        assert "1 wait for a worker" in text
        assert "python manage.py qcluster" in text

    def test_failed_pictures_are_ordered_anew(self, row: Callable[..., TryOnResult]) -> None:
        failed = row(Status.FAILED, error_code="provider_down")
        dry = told("tryon_requeue", "--failed", "--dry-run")
        assert (dry["requeued"], Decimal(dry["cost"])) == (1, Decimal("0.08"))
        assert TryOnResult.objects.count() == 1
        assert "for at most 0.08 USD" in run("tryon_requeue", "--failed")[1]
        again = TryOnResult.objects.get(again_of=failed)
        assert (again.status, again.garment) == (Status.QUEUED, failed.garment)
        assert told("tryon_requeue", "--failed")["requeued"] == 0, "once is enough"

    def test_what_is_never_ordered_anew(self, row: Callable[..., TryOnResult], photo: Any) -> None:
        long_ago = timezone.now() - timedelta(hours=2)
        row(Status.FAILED, error_code="no_person")
        row(Status.FAILED, error_code="provider_down", finished_at=long_ago)
        row(Status.FAILED, error_code="provider_down", shopper=photo.shopper, photo=photo)
        row(Status.CANCELED, error_code="canceled")
        unknown = row(Status.FAILED, error_code="timed_out")
        LedgerEntry.objects.create(
            result_id=unknown.pk, provider="a", operation="model_shot", state=EntryState.UNCERTAIN.value, amount=1
        )
        row(Status.UNCERTAIN, finished_at=None)
        code, text = run("tryon_requeue", "--failed")
        assert (code, TryOnResult.objects.count()) == (3, 6)
        assert "Ordered 0 pictures" in text
        assert "Left alone: 1 of unknown outcome" in text
        assert told("tryon_requeue", "--failed", "--since", "3h", "--dry-run")["requeued"] == 1

    def test_both_at_once_is_a_mistake(self) -> None:
        with pytest.raises(CommandError, match="not allowed with"):
            call_command("tryon_requeue", "--failed", "--stalled")


class TestSetup:
    def test_groups(self) -> None:
        call_command("tryon_setup", "--only", "groups", verbosity=0)
        allowed = {
            group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()
        }
        assert {"generate_shots", "review_shots", "publish_shots"} <= allowed["Merchandiser"]
        assert {"see_spend", "change_provideraccount", "change_ledgerentry"} <= allowed["Operator"]
        assert "see_spend" not in allowed["Merchandiser"]
        assert not any("see_shopper_photos" in names for names in allowed.values())

    def test_a_cache_without_its_table(self, settings: Any) -> None:
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "not_there"}
        }
        assert told("tryon_setup", "--only", "groups")["hints"] == [
            "The cache has no table not_there. Run: python manage.py createcachetable"
        ]

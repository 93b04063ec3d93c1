"""``tryon_bulk``: the same plan, price and rows as the admin, from a shell."""

from __future__ import annotations

import html
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command

from tests.studio.providers import settings
from tryon.choices import Category, Status
from tryon.models import Act, Batch, Garment, PresetModel, TryOnResult
from tryon.runner.drain import Drain
from tryon.studio import batches


@pytest.fixture(autouse=True)
def shop(tryon_settings: Callable[..., None], make_garment: Callable[..., Garment], preset_model: PresetModel) -> None:
    """Two tops and a skirt, one model, and a provider that costs half a unit."""
    tryon_settings(PROVIDERS=settings("studio"))
    make_garment("a", name="Tee")
    make_garment("b", name="Shirt")
    make_garment("c", name="Skirt", category=Category.LOWER.value)


def bulk(*args: str, code: int = 0) -> str:
    out = io.StringIO()
    try:
        call_command("tryon_bulk", *args, stdout=out)
        left = 0
    except SystemExit as exit_:
        left = int(exit_.code or 0)
    assert left == code, out.getvalue()
    return out.getvalue()


def test_a_dry_run_says_what_would_be_made_and_makes_nothing():
    words = bulk("--dry-run", "--filter", "category=upper", "--variants", "2")
    assert "2 garments, 4 shots, at most 2.00 USD" in words
    assert "studio: 4 shots, 2.00 USD to 2.00 USD" in words
    assert "Nothing was ordered." in words
    assert not Batch.objects.exists()


def test_what_is_done_without_an_account_is_in_the_log_with_who_what_and_cost(admin_client, mara, monkeypatch):
    monkeypatch.setenv("LOGNAME", "deploy")
    bulk("--filter", "category=upper")
    batch = Batch.objects.get()
    batches.pause(batch, user=None, because="limit")  # by a worker
    batches.resume(batch, user=mara)
    batches.pause(batch, user=mara)
    bulk("--resume", str(batch.pk), "--max-cost", "3")
    shell, system = "command line (deploy)", "the system"
    assert list(Act.objects.values_list("actor", flat=True)) == [shell, system, shell, shell]
    page = admin_client.get(f"/admin/tryon/batch/{batch.pk}/history/")
    entries = [entry for entry in page.context["action_list"] if isinstance(entry, dict)]
    assert len(entries) == len(page.context["action_list"]) - 2 == 4
    shown = html.unescape(page.content.decode())
    parts = [
        shell, "2 shots ordered with Noor", "At most 1.00 USD.", system, "Paused: it has spent what it may.",
        "mara", "Resumed: 2 shots, at most 1.00 USD.", "mara", "Paused.",
        shell, "May spend 3.00 USD.", shell, "Resumed: 2 shots, at most 1.00 USD.",
    ]  # fmt: skip
    at = 0
    for part in parts:  # in the order in which it was done
        at = shown.find(part, at)
        assert at > 0, part
    assert f"<dd>{shell}</dd>" in admin_client.get(f"/admin/tryon/batch/{batch.pk}/change/").content.decode()


def test_what_a_command_does_to_a_batch_of_somebody_is_said_to_be_the_commands(mara, monkeypatch):
    monkeypatch.setenv("LOGNAME", "deploy")
    bulk("--user", "mara")
    batch = Batch.objects.get()
    batches.pause(batch, user=mara)
    bulk("--resume", str(batch.pk))
    message = LogEntry.objects.latest("pk").get_change_message()
    assert message == "By command line (deploy): Resumed: 3 shots, at most 1.50 USD."
    assert not Act.objects.exists()


def test_a_shop_without_the_admin_has_a_log_too(mara, settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"]
    bulk("--user", "mara")
    assert Act.objects.get().actor == "mara"
    assert not LogEntry.objects.exists()


def test_it_orders_what_the_admin_would(preset_model, mara):
    seeds = ["--option", "studio.seed=4", "--variants", "2"]
    words = bulk("--user", "mara", "--models", "noor", "--filter", "name__icontains=s", *seeds)
    batch = Batch.objects.get()
    assert str(batch.pk) in words
    assert (batch.created_by, LogEntry.objects.get().user) == (mara, mara)
    assert {row.garment.name for row in batch.results.all()} == {"Shirt", "Skirt"}
    assert {row.preset_model for row in batch.results.all()} == {preset_model}
    assert {row.options["seed"] for row in batch.results.all()} == {4, 5}


def test_json_is_one_object_on_one_line():
    data = json.loads(bulk("--json"))
    assert data["shots"] == 3
    assert data["most"] == "1.500000"
    assert data["batch"] == str(Batch.objects.get().pk)
    assert json.loads(bulk("--json", "--dry-run"))["there_already"] == 3


def test_nothing_is_printed_when_silent():
    assert bulk("-v", "0") == ""
    assert Batch.objects.count() == 1


def test_what_is_there_already_is_left_out_unless_all_is_asked_for():
    bulk()
    assert "3 are there already" in bulk()
    assert Batch.objects.count() == 1
    bulk("--all")
    assert Batch.objects.count() == 2


def test_over_budget_orders_nothing_and_needs_attention(tryon_settings):
    tryon_settings(PROVIDERS=settings("studio"), CAPS={"shop": {"day": "1.00"}})
    assert "The budget is enough for 2 of 3 shots." in bulk(code=3)
    assert not Batch.objects.exists()


def test_nothing_to_make_needs_attention():
    Garment.objects.update(active=False)
    assert "0 garments, 0 shots" in bulk(code=3)


@pytest.mark.parametrize(
    "args",
    [
        ["--filter", "colour=red"],
        ["--filter", "category"],
        ["--models", "nobody"],
        ["--user", "nobody"],
        ["--max-cost", "much"],
        ["--max-cost", "-1"],
        ["--option", "seed=1"],
        ["--resume", "x"],
        ["--resume", "00000000-0000-0000-0000-000000000000"],
    ],
)
def test_wrong_use_is_said_and_is_exit_2(args):
    with pytest.raises(CommandError) as error:
        call_command("tryon_bulk", *args, stdout=io.StringIO())
    assert error.value.returncode == 2
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("args", "words"), [(["--variants", "5"], "1 to 4"), (["--option", "studio.seed=100"], "over 99")]
)
def test_what_the_studio_refuses_is_a_fault_without_a_traceback(args, words):
    with pytest.raises(CommandError, match=words) as error:
        call_command("tryon_bulk", *args, stdout=io.StringIO())
    assert error.value.returncode == 1


def test_waiting_ends_with_the_batch(monkeypatch):
    rounds = iter(range(10))

    def work(seconds: float) -> None:
        row = TryOnResult.objects.filter(status=Status.QUEUED).first()
        if row:
            TryOnResult.objects.filter(pk=row.pk).move(Status.FAILED if next(rounds) == 0 else Status.CANCELED)
            batches.finish(row.batch_id)

    monkeypatch.setattr("tryon.management.commands.tryon_bulk.time.sleep", work)
    words = bulk("--wait", code=3)
    assert "done: 0 ready, 1 failed, 0.00 USD spent." in words
    assert "\r" not in words  # plain lines: this is no terminal


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def work(seconds: float) -> None:
        TryOnResult.objects.filter(status=Status.QUEUED).move(Status.CANCELED)
        batches.finish(Batch.objects.get().pk)

    monkeypatch.setattr("tryon.management.commands.tryon_bulk.time.sleep", work)
    out = Terminal()
    call_command("tryon_bulk", "--wait", stdout=out)
    assert "\r[..............................] 0 of 3" in out.getvalue()
    assert "\r[##############################] 3 of 3" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_limit_pauses_the_batch_and_more_lets_it_go_on(monkeypatch):
    rounds = iter(range(10))  # more would be a command that never ends

    def work(seconds: float) -> None:
        next(rounds)
        Drain(idle=0).run()

    monkeypatch.setattr("tryon.management.commands.tryon_bulk.time.sleep", work)
    words = bulk("--wait", "--max-cost", "0.60", code=3)
    batch = Batch.objects.get()
    assert (batch.status, batch.paused_because) == ("paused", "limit")
    assert batch.results.filter(status=Status.SUCCEEDED).count() == 1
    found = re.search(r"tryon_bulk (--resume \S+ --wait) --max-cost MORE", words)
    assert found
    assert "done: 3 ready" in bulk(*found[1].split(), "--max-cost", "5")


def test_ctrl_c_leaves_a_batch_that_goes_on_later(monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tryon.management.commands.tryon_bulk.time.sleep", interrupt)
    words = bulk("--wait", code=3)
    batch = Batch.objects.get()
    assert batch.status == "paused"
    assert f"--resume {batch.pk} --wait" in words
    bulk("--resume", str(batch.pk))
    batch.refresh_from_db()
    assert batch.status == "running"


@pytest.mark.prove
def test_ctrl_c_in_a_real_shell(tmp_path):
    """A process of its own with a database of its own, stopped by the signal of the keys."""
    (tmp_path / "bulk_settings.py").write_text(
        "from tests.settings import *\n"
        f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': r'{tmp_path / 'db.sqlite3'}'}}}}\n"
        "Q_CLUSTER = {**Q_CLUSTER, 'sync': False}\n"
        f"TRYON = {{**TRYON, 'PRIVATE_ROOT': r'{tmp_path}'}}\n"
        "SILENCED_SYSTEM_CHECKS = ['tryon.W010', 'tryon.W011', 'tryon.W014']\n"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "bulk_settings", "PYTHONPATH": f"{tmp_path}{os.pathsep}."}
    root = Path(django_settings.BASE_DIR)
    run = [sys.executable, "manage.py"]
    subprocess.run([*run, "migrate", "-v", "0"], cwd=root, env=env, check=True)
    fill = (
        "from tryon.models import *\n"
        "Garment.objects.create(product_ref='1', name='Tee', category='upper', image='a', width=9, height=9)\n"
        "PresetModel.objects.create(name='Noor', image='a', width=9, height=9, mannequin='x')\n"
    )
    subprocess.run([*run, "shell", "-c", fill], cwd=root, env=env, check=True, capture_output=True)
    process = subprocess.Popen(
        [*run, "tryon_bulk", "--wait", "--provider", "local"], cwd=root, env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    while lines[-1] and "0 of 1" not in lines[-1]:
        lines.append(process.stdout.readline())
    assert "0 of 1" in lines[-1], lines
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "Paused. Go on with:" in rest
    assert "Traceback" not in rest

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import zipfile
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule
from django_q.signing import SignedPackage

from tests.conftest import unavailable
from tests.providers.fakes import jpeg, setting
from tests.storefront.conftest import a_result, add_output
from tryon import feedback
from tryon.export import write_zip
from tryon.identity import SALT, hash_token
from tryon.images.disclosure import is_marked
from tryon.models import Consent, ErasureReceipt, Garment, RequestKey, Shopper, ShopperPhoto, TryOnResult
from tryon.storage import photo_storage, private_root, result_storage
from tryon.tasks import SCHEDULES

pytestmark = pytest.mark.django_db


def output(*args: str, **options: Any) -> str:
    stream = StringIO()
    call_command(*args, stdout=stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "command",
    [
        "tryon_audit", "tryon_explain", "tryon_export", "tryon_forget", "tryon_purge", "tryon_run", "tryon_setup",
    ],
)  # fmt: skip
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command(command, "--help")
    assert stopped.value.code == 0
    assert f"Example: python manage.py {command}" in " ".join(capsys.readouterr().out.split())


class TestSetup:
    parts = ("--only", "schedules", "--only", "groups")

    def test_twice_is_once(self) -> None:
        first = json.loads(output("tryon_setup", *self.parts, "--json"))
        assert len(first["schedules"]) == len(SCHEDULES)
        assert first["groups"] == ["Merchandiser", "Operator"]
        again = json.loads(output("tryon_setup", *self.parts, "--json"))
        assert (again["schedules"], again["groups"]) == ([], [])
        assert Schedule.objects.filter(func__startswith="tryon.").count() == len(SCHEDULES)
        assert Group.objects.get(name="Merchandiser").permissions.filter(codename="generate_shots").exists()
        assert not Group.objects.filter(permissions__codename="view_shopperphoto").exists()

    def test_a_dry_run_changes_nothing(self) -> None:
        told = output("tryon_setup", *self.parts, "--dry-run")
        assert "would add" in told
        assert not Schedule.objects.exists()
        assert not Group.objects.exists()

    def test_silence(self) -> None:
        assert output("tryon_setup", *self.parts, verbosity=0) == ""


@pytest.mark.usefixtures("instant")
class TestRun:
    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        (tmp_path / "me.jpg").write_bytes(jpeg())
        (tmp_path / "shirt.jpg").write_bytes(jpeg(500, 600))
        (tmp_path / "broken.jpg").write_bytes(jpeg()[:2000])
        return tmp_path

    def arguments(self, files: Path, *, photo: str = "me.jpg") -> list[str]:
        return ["tryon_run", "--photo", str(files / photo), "--out", str(files / "out.jpg")]

    def test_from_files(self, files: Path) -> None:
        extra = ["--garment", str(files / "shirt.jpg"), "--category", "upper"]
        told = json.loads(output(*self.arguments(files), *extra, "--json"))
        assert (told["width"], told["height"]) == (600, 800)
        assert is_marked((files / "out.jpg").read_bytes())

    def test_from_a_product(self, files: Path, garment: Garment) -> None:
        assert "Wrote" in output(*self.arguments(files), "--product", garment.product_ref)

    def test_a_job_is_waited_for(self, files: Path, garment: Garment, tryon_settings: Any) -> None:
        tryon_settings(PROVIDERS={"job": setting("JobProvider", polls=2)})
        assert "Wrote" in output(*self.arguments(files), "--product", garment.product_ref)

    def test_a_bad_photo_is_explained(self, files: Path, garment: Garment) -> None:
        with pytest.raises(CommandError, match=r"That file is damaged.*\(malformed_image"):
            output(*self.arguments(files, photo="broken.jpg"), "--product", garment.product_ref)
        assert not (files / "out.jpg").exists()

    def test_money_is_asked_for(
        self, files: Path, garment: Garment, tryon_settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tryon_settings(PROVIDERS={"hosted": setting("HostedProvider")})
        monkeypatch.setattr("builtins.input", lambda prompt: "")
        with pytest.raises(CommandError, match="nothing was sent"):
            output(*self.arguments(files), "--product", garment.product_ref)
        assert "Wrote" in output(*self.arguments(files), "--product", garment.product_ref, "--yes")

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            (["--product", "nothing"], "No garment"),
            (["--garment", "/no/such/file.jpg", "--category", "upper"], "No such file"),
            (["--product", "1", "--provider", "nobody"], "nobody"),
        ],
    )
    def test_faults_have_words(self, files: Path, garment: Garment, extra: list[str], words: str) -> None:
        with pytest.raises(CommandError, match=words):
            output(*self.arguments(files), *extra)


# ---------------------------------------------------------------- shoppers' data


def exits(*args: str, **options: Any) -> int:
    """The exit code of a command that is expected to leave with one."""
    with pytest.raises(SystemExit) as stopped:
        call_command(*args, stdout=StringIO(), **options)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.mark.parametrize(
    "command", ["tryon_audit", "tryon_explain", "tryon_export", "tryon_forget", "tryon_purge", "tryon_run"]
)
def test_usage_faults_exit_2(command: str) -> None:
    outcome = subprocess.run(
        [sys.executable, "manage.py", command, "--no-such-option"], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stderr


class TestForget:
    @pytest.mark.parametrize("by", ["id", "token", "cookie"])
    def test_a_session(self, by: str, photo: ShopperPhoto, shopper: Shopper) -> None:
        Shopper.objects.filter(pk=shopper.pk).update(token_hash=hash_token("secret"))
        names = {"id": str(shopper.pk), "token": "secret", "cookie": signing.dumps(shopper.pk.hex, salt=SALT)}
        told = json.loads(output("tryon_forget", "--session", names[by], "--json"))
        assert (told["photos"], told["consents_withdrawn"], told["consent_records_kept"]) == (1, 1, 1)
        assert ErasureReceipt.objects.filter(pk=told["receipt"]).exists()
        assert not photo_storage().exists(str(photo.file.name))

    @pytest.mark.parametrize("by", ["username", "email", "pk"])
    def test_an_account(self, by: str, photo: ShopperPhoto, shopper: Shopper, django_user_model: Any) -> None:
        user = django_user_model.objects.create_user("ann", "ann@example.com")
        Shopper.objects.filter(pk=shopper.pk).update(user=user)
        assert "1 photos" in output("tryon_forget", "--user", str(getattr(user, by)), "--with-evidence")
        assert not Consent.objects.exists()

    @pytest.mark.parametrize(
        "who", [("--user", "nobody"), ("--session", "nothing"), ("--session", "0b8f63bd-6f51-4a0e-9d53-3d7f5a1c2e44")]
    )
    def test_who_is_not_there(self, who: tuple[str, str]) -> None:
        with pytest.raises(CommandError, match=r"No such shopper|There is no account"):
            call_command("tryon_forget", *who)

    def test_two_accounts_with_one_address(self, django_user_model: Any) -> None:
        for name in ("ann", "bob"):
            django_user_model.objects.create_user(name, "same@example.com")
        with pytest.raises(CommandError, match="More than one account"):
            call_command("tryon_forget", "--user", "same@example.com")

    def test_a_file_that_stays(self, photo: ShopperPhoto, shopper: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: Any, name: str) -> None:
            raise PermissionError(name)

        monkeypatch.setattr("django.core.files.storage.FileSystemStorage.delete", refuse)
        assert exits("tryon_forget", "--session", str(shopper.pk), verbosity=0) == 3


class TestExport:
    def test_everything_and_nothing_of_others(
        self, instant: None, made_preview: TryOnResult, shopper: Shopper, photo: ShopperPhoto, tmp_path: Path
    ) -> None:
        other = Shopper.objects.create()
        TryOnResult.objects.create(shopper=other, garment=made_preview.garment, deadline_at=timezone.now())
        out = tmp_path / "ann.zip"
        told = json.loads(output("tryon_export", "--session", str(shopper.pk), "--out", str(out), "--json"))
        assert {key: told[key] for key in ("photos", "previews", "agreements")} == {
            "photos": 1,
            "previews": 1,
            "agreements": 1,
        }
        assert out.stat().st_mode & 0o077 == 0, "readable by nobody else"
        with zipfile.ZipFile(out) as archive:
            assert archive.testzip() is None
            data = json.loads(archive.read("data.json"))
            assert hashlib.sha256(archive.read(data["photos"][0]["file"])).hexdigest() == photo.sha256
            assert is_marked(archive.read(data["previews"][0]["files"][0]))
        assert data["previews"][0]["feedback"]["reasons"] == ["colour"]
        assert data["agreements"][0]["text"] == photo.consent.text
        assert str(other.pk) not in json.dumps(data)

    def test_a_file_that_is_there_already_stays(self, shopper: Shopper, tmp_path: Path) -> None:
        out = tmp_path / "ann.zip"
        out.write_text("precious")
        with pytest.raises(CommandError, match="File exists"):
            output("tryon_export", "--session", str(shopper.pk), "--out", str(out))
        assert out.read_text() == "precious"

    def test_a_picture_deleted_behind_our_back(self, photo: ShopperPhoto, shopper: Shopper) -> None:
        photo_storage().delete(str(photo.file.name))
        stream = BytesIO()
        assert write_zip(shopper, stream)["photos"] == 1
        with zipfile.ZipFile(stream) as archive:
            assert json.loads(archive.read("data.json"))["photos"][0]["file"] is None


@pytest.fixture
def made_preview(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    result = a_result(shopper, garment, photo)
    add_output(result)
    feedback.give(result, liked=False, reasons=["colour"])
    return result


@pytest.fixture
def empty_places() -> None:
    """What the tests before left in the shared places is none of these tests' business."""
    shutil.rmtree(private_root(), ignore_errors=True)
    cache.clear()


@pytest.mark.usefixtures("empty_places", "instant")
class TestAudit:
    def found(self, *args: str) -> set[tuple[str, str]]:
        stream = StringIO()
        with pytest.raises(SystemExit) as stopped:
            call_command("tryon_audit", "--json", *args, stdout=stream)
        assert stopped.value.code == 3
        return {(finding["kind"], finding["where"]) for finding in json.loads(stream.getvalue())["findings"]}

    def test_clean(self, made_preview: TryOnResult) -> None:
        cache.set("some", "words " * 1000)
        told = json.loads(output("tryon_audit", "--json"))
        assert told["findings"] == []
        assert told["looked_at"]["files"] == 4
        assert told["looked_at"]["cache entries"] == 1
        assert "Nothing that should not be there" in output("tryon_audit")
        assert output("tryon_audit", verbosity=0) == ""

    def test_expired(self, made_preview: TryOnResult, photo: ShopperPhoto) -> None:
        ShopperPhoto.objects.update(expires_at=timezone.now() - timedelta(minutes=10))
        assert self.found() == {("expired", f"shopperphoto {photo.pk}")}
        output("tryon_audit", "--grace", "11")
        call_command("tryon_purge", verbosity=0)
        output("tryon_audit")

    def test_stray_and_missing_files(self, made_preview: TryOnResult) -> None:
        photo_storage().save("photos/stray.jpg", ContentFile(b"x"))
        result_storage().save(f"results/{made_preview.pk.hex}/late.jpg", ContentFile(b"x"))
        output_row = made_preview.outputs.get()
        result_storage().delete(str(output_row.card.name))
        assert self.found() == {
            ("stray_file", "photos/stray.jpg"),
            ("stray_file", f"results/{made_preview.pk.hex}/late.jpg"),
            ("missing_file", f"tryonoutput {output_row.pk}: {output_row.card.name}"),
        }

    def test_queue_cache_and_database(self, made_preview: TryOnResult, shopper: Shopper) -> None:
        picture = jpeg(200, 200)
        payload = SignedPackage.dumps({"id": "1", "func": "tryon.tasks.run", "args": (picture,)})
        row = OrmQ.objects.create(key="shop", payload=payload)
        cache.set("page", picture)
        key = RequestKey.objects.create(
            shopper=shopper, key="k", fingerprint="f", answer={"photo": base64.b64encode(picture).decode()}
        )
        assert self.found() == {
            ("in_queue", f"queued message {row.pk}"),
            ("in_cache", "default: :1:page"),
            ("in_database", f"requestkey.answer {key.pk}"),
        }
        cache_is_skipped = self.found("--skip-cache", "default")
        assert {kind for kind, _where in cache_is_skipped} == {"in_queue", "in_database"}

    @pytest.mark.parametrize(
        "backend", ["locmem.LocMemCache", "filebased.FileBasedCache", "db.DatabaseCache", "redis.RedisCache"]
    )
    def test_every_cache_of_django(self, backend: str, settings: Any, tmp_path: Path) -> None:
        places = {"filebased": str(tmp_path), "db": "audit_cache", "redis": "redis://127.0.0.1:6379/8"}
        place = places.get(backend.split(".")[0], "")
        settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": place}}
        if backend.startswith("db"):
            call_command("createcachetable", verbosity=0)
        if backend.startswith("redis"):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", 6379)):
                    unavailable("Redis on 127.0.0.1:6379")
        cache.clear()
        cache.set("words", "w" * 5000)
        output("tryon_audit")
        cache.set("page", {"body": jpeg(200, 200)})
        assert {kind for kind, _where in self.found()} == {"in_cache"}
        cache.clear()

    def test_a_cache_that_can_not_be_read_is_told(self, settings: Any) -> None:
        settings.CACHES = {
            "default": {"BACKEND": "tests.caches.Opaque"},
            "other": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        }
        assert 'Not looked at: CACHES["default"]: Opaque can not list what it holds.' in output("tryon_audit")


@pytest.mark.usefixtures("instant")
class TestPurge:
    def test_old_messages_of_ours_only(self) -> None:
        for number, (func, days) in enumerate([("tryon.tasks.run", 8), ("tryon.tasks.run", 1), ("shop.mail", 8)]):
            ended = timezone.now() - timedelta(days=days)
            Failure.objects.create(id=str(number), func=func, started=ended, stopped=ended, success=False)
        told = json.loads(output("tryon_purge", "--json"))
        assert told["queue_rows"] == 1
        assert set(Failure.objects.values_list("id", flat=True)) == {"1", "2"}

    def test_a_dry_run_deletes_nothing(self, photo: ShopperPhoto) -> None:
        ShopperPhoto.objects.update(expires_at=timezone.now())
        assert json.loads(output("tryon_purge", "--dry-run", "--json"))["photos"] == 1
        assert ShopperPhoto.objects.exists()


class TestExplain:
    def rules(self, *args: str) -> dict[str, Any]:
        stream, code = StringIO(), 0
        try:
            call_command("tryon_explain", *args, "--json", stdout=stream)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        told: dict[str, Any] = json.loads(stream.getvalue())
        told["holds"] = {rule["rule"]: rule["holds"] for rule in told["rules"]}
        assert code == (0 if told["shows"] else 3)
        return told

    def test_it_shows(self, instant: None, garment: Garment, shopper: Shopper) -> None:
        told = self.rules("1", "--session", str(shopper.pk))
        assert told["shows"]
        assert told["holds"] == {
            "switched on": True, "product": True, "garment": True, "provider instant": None, "providers": True,
            "budget": None, "queue": None, "agreement": None, "quota": None,
        }  # fmt: skip
        assert "The button shows." in output("tryon_explain", "1")

    def test_each_rule_can_say_no(self, instant: None, garment: Garment, tryon_settings: Any) -> None:
        assert self.rules("nothing")["holds"]["garment"] is False
        assert "none is stored" in self.rules("1", "--variant", "Ink")["rules"][2]["detail"]
        Garment.objects.update(active=False)
        assert "switched off in the admin" in self.rules("1")["rules"][2]["detail"]
        Garment.objects.update(active=True)
        tryon_settings(PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider"}})
        told = self.rules("1")
        assert told["holds"]["providers"] is False
        assert not told["shows"]
        tryon_settings(PROVIDERS={"instant": setting("InstantProvider")}, ENABLED=False)
        assert self.rules("1")["holds"]["switched on"] is False

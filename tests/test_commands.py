from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django_q.models import Schedule

from tests.providers.fakes import jpeg, setting
from tryon.images.disclosure import is_marked
from tryon.models import Garment

pytestmark = pytest.mark.django_db


def output(*args: str, **options: Any) -> str:
    stream = StringIO()
    call_command(*args, stdout=stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("command", ["tryon_setup", "tryon_purge", "tryon_run"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command(command, "--help")
    assert stopped.value.code == 0
    assert f"Example: python manage.py {command}" in " ".join(capsys.readouterr().out.split())


class TestSetup:
    parts = ("--only", "schedules", "--only", "groups")

    def test_twice_is_once(self) -> None:
        first = json.loads(output("tryon_setup", *self.parts, "--json"))
        assert len(first["schedules"]) == 2
        assert first["groups"] == ["Merchandiser", "Operator"]
        again = json.loads(output("tryon_setup", *self.parts, "--json"))
        assert (again["schedules"], again["groups"]) == ([], [])
        assert Schedule.objects.filter(func__startswith="tryon.").count() == 2
        assert Group.objects.get(name="Merchandiser").permissions.filter(codename="add_tryonresult").exists()
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

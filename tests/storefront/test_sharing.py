"""A shared preview shows the picture to whoever has the link, for a while, and nothing else to nobody."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.storefront.conftest import a_result, add_output
from tryon import retention, sharing
from tryon.errors import TryOnError
from tryon.identity import hash_token
from tryon.images.disclosure import is_marked
from tryon.models import Garment, PresetModel, ShareLink, Shopper, ShopperPhoto, TryOnResult
from tryon.signals import picture_reported

pytestmark = pytest.mark.django_db
PORTRAIT = Path(__file__).parents[2] / "tryon_shop" / "samples" / "portrait.jpg"


def make(client: Client, result: TryOnResult, **fields: str) -> str:
    answer = client.post(share_url(result), fields, HTTP_ACCEPT="application/json")
    assert answer.status_code == 201, answer.content
    url: str = answer.json()["url"]
    return url.removeprefix("http://testserver")


def share_url(result: TryOnResult) -> str:
    return reverse("tryon:share", kwargs={"pk": result.pk})


def test_anybody_with_the_link_sees_picture_badge_and_disclaimer(owner: Client, made: TryOnResult) -> None:
    url = make(owner, made)
    page = Client().get(url)
    html = page.content.decode()
    assert page.status_code == 200
    assert "AI-generated preview" in html
    assert "Shows style, not size" in html
    assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
    assert page["Referrer-Policy"] == "same-origin"
    assert "noindex" in page["X-Robots-Tag"]
    picture = Client().get(re.search(r'src="([^"]*/picture/)"', html)[1])  # type: ignore[index]
    assert picture["Content-Type"] == "image/jpeg"
    assert picture["Cache-Control"] == "private, no-store"
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert is_marked(picture.content)


def test_the_page_gives_nothing_of_the_owner_away(owner: Client, made: TryOnResult, photo: ShopperPhoto) -> None:
    html = Client().get(make(owner, made)).content.decode()
    output = made.outputs.get()
    for secret in (photo.pk, made.pk, made.shopper_id, output.pk, output.share_links.get().pk):
        assert str(secret).replace("-", "") not in html.replace("-", "") or len(str(secret)) < 8
    assert "/photos/" not in html
    assert "/pictures/" not in html
    assert "/previews/" not in html


def test_the_database_has_no_token(owner: Client, made: TryOnResult) -> None:
    url = make(owner, made)
    token = url.rstrip("/").rsplit("/", 1)[1]
    assert len(token) >= 32
    row = ShareLink.objects.values().get()
    assert row["token_hash"] == hash_token(token)
    assert token not in str(row)
    assert token not in owner.get(share_url(made)).content.decode(), "it is shown once"


def test_it_ends_by_time_with_the_preview_and_by_the_owner(owner: Client, made: TryOnResult) -> None:
    first, second, third = (make(owner, made) for _ in range(3))
    newest = ShareLink.objects.first()
    assert newest
    revoke = reverse("tryon:revoke", kwargs={"pk": made.pk, "link_pk": newest.pk})
    assert owner.post(revoke).status_code == 303
    assert [Client().get(url).status_code for url in (first, second, third)] == [200, 200, 404]
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert Client().get(first).status_code == 404
        assert Client().get(first + "picture/").status_code == 404
    retention.delete_result(made)
    assert Client().get(second).status_code == 404


def test_missing_ended_and_nonsense_are_the_same_answer(owner: Client, made: TryOnResult) -> None:
    url = make(owner, made)
    sharing.revoke(ShareLink.objects.get())
    answers = [Client().get(path) for path in (url, "/tryon/shared/nothing/", "/tryon/shared/%00/")]
    assert len({(answer.status_code, re.sub(rb'value="\w{64}"', b"", answer.content)) for answer in answers}) == 1


def test_a_link_never_outlives_its_preview(made: TryOnResult, tryon_settings: Any) -> None:
    tryon_settings(SHARE_HOURS=1000)
    assert sharing.share(made).link.expires_at == made.expires_at


def test_strangers_make_none_and_take_none_back(owner: Client, stranger: Client, made: TryOnResult) -> None:
    make(owner, made)
    link = ShareLink.objects.get()
    assert stranger.get(share_url(made)).status_code == 404
    assert stranger.post(share_url(made)).status_code == 404
    revoke = reverse("tryon:revoke", kwargs={"pk": made.pk, "link_pk": link.pk})
    assert stranger.post(revoke).status_code == 404
    assert ShareLink.objects.get().is_open


def test_one_preview_has_five_links_at_most(made: TryOnResult) -> None:
    tokens = [sharing.share(made).token for _ in range(7)]
    assert [sharing.find(token) is not None for token in tokens] == [False, False, True, True, True, True, True]


def test_only_finished_previews_of_shoppers(
    shopper: Shopper, garment: Garment, made: TryOnResult, tryon_settings: Any
) -> None:
    failed = a_result(shopper, garment, status="failed")
    with pytest.raises(TryOnError, match="sharing_off"):
        sharing.share(failed)
    token = sharing.share(made).token
    tryon_settings(SHARING=False)
    assert sharing.find(token) is None
    with pytest.raises(TryOnError, match="sharing_off"):
        sharing.share(made)


def test_without_scripts_the_page_shows_the_link_once(owner: Client, made: TryOnResult) -> None:
    page = owner.post(share_url(made))
    url = re.search(r'value="(http://testserver/tryon/shared/[^"]+)"', page.content.decode())
    assert url
    assert Client().get(url[1]).status_code == 200
    again = owner.get(share_url(made)).content.decode()
    assert "Links at work" in again
    assert "/shared/" not in again


class TestHiddenFace:
    @pytest.fixture
    def portrait(self, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
        result = a_result(shopper, garment, photo)
        add_output(result, PORTRAIT.read_bytes())
        return result

    def test_the_shared_picture_has_no_face_and_keeps_the_mark(self, owner: Client, portrait: TryOnResult) -> None:
        from tryon.local_engine import imaging, nets

        url = make(owner, portrait, hide_face="1")
        shown = Client().get(url + "picture/").content
        assert is_marked(shown)
        networks = nets.load(None)
        assert nets.find_faces(networks, imaging.decode(PORTRAIT.read_bytes())[0], 0.7)
        assert nets.find_faces(networks, imaging.decode(shown)[0], 0.7) == []

    def test_its_file_goes_with_the_link(self, portrait: TryOnResult) -> None:
        link = sharing.share(portrait, hide_face=True).link
        path = Path(link.file.path)
        assert path.exists()
        sharing.revoke(link)
        assert not path.exists()
        again = Path(sharing.share(portrait, hide_face=True).link.file.path)
        retention.delete_result(portrait)
        assert not again.exists()

    def test_no_face_no_promise(self, owner: Client, made: TryOnResult) -> None:
        answer = owner.post(share_url(made), {"hide_face": "1"}, HTTP_ACCEPT="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "face_not_hidden")
        page = owner.post(share_url(made), {"hide_face": "1"})
        assert page.status_code == 422
        assert "no link was made" in page.content.decode()
        assert not ShareLink.objects.exists()

    def test_without_the_engine_no_promise(
        self, owner: Client, portrait: TryOnResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("tryon.local_engine.models.find_model", _nothing_installed)
        assert "Hide the face" not in owner.get(share_url(portrait)).content.decode()
        with pytest.raises(TryOnError, match="face_not_hidden"):
            sharing.share(portrait, hide_face=True)

    def test_the_owner_is_offered_it_for_a_photo_only(
        self, owner: Client, shopper: Shopper, garment: Garment, portrait: TryOnResult, preset_model: PresetModel
    ) -> None:
        assert "Hide the face" in owner.get(share_url(portrait)).content.decode()
        on_model = a_result(shopper, garment, preset_model=preset_model)
        add_output(on_model)
        assert "Hide the face" not in owner.get(share_url(on_model)).content.decode()


def _nothing_installed(kind: str, models_dir: Any = None) -> Path:
    from tryon.local_engine import ModelsMissing

    raise ModelsMissing(kind)


@pytest.mark.django_db(transaction=True)
def test_a_report_closes_the_link_and_is_told(owner: Client, made: TryOnResult) -> None:
    url = make(owner, made)
    heard: list[int] = []

    def receiver(sender: type, link: ShareLink, **kwargs: Any) -> None:
        heard.append(link.pk)

    picture_reported.connect(receiver)
    try:
        assert Client().post(url + "report/").status_code == 200
        assert Client().post(url + "report/").status_code == 404
    finally:
        picture_reported.disconnect(receiver)
    link = ShareLink.objects.get()
    assert heard == [link.pk]
    assert link.reported_at
    assert Client().get(url).status_code == 404
    assert retention.purge().share_links == 0, "staff still have to see it"
    assert sharing.take_down(made.pk)
    assert not sharing.take_down(made.pk)
    assert not ShareLink.objects.exists()
    assert not TryOnResult.objects.exists()
    assert not ShopperPhoto.objects.exists()


def test_a_link_can_not_slip_in_behind_a_deletion(made: TryOnResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def deleted_meanwhile(size: int) -> str:
        retention.delete_result(TryOnResult.objects.get(pk=made.pk))
        return "token"

    monkeypatch.setattr("tryon.sharing.secrets.token_urlsafe", deleted_meanwhile)
    with pytest.raises(TryOnError, match="not_found"):
        sharing.share(made)
    assert not ShareLink.objects.exists()

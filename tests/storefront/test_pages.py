from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.providers.fakes import InstantProvider, jpeg, setting
from tryon.admission import Demand, cancel, request
from tryon.choices import Status
from tryon.consent import current_notice
from tryon.identity import COOKIE
from tryon.models import Consent, Garment, PresetModel, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.runner.drain import Drain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("instant")]


class AwayProvider(InstantProvider):
    """Somebody else's servers."""

    leaves_server = True


def file(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("me.jpg", jpeg() if data is None else data, content_type="image/jpeg")


def try_url(ref: str = "1") -> str:
    return reverse("tryon:try", kwargs={"product_ref": ref})


def post(client: Client, **fields: Any) -> Any:
    return client.post(try_url(), {"consent": current_notice().version, **fields})


@pytest.fixture
def mine(client: Client, garment: Garment) -> TryOnResult:
    """A try-on by photo of the visitor behind ``client``."""
    post(client, photo=file())
    return TryOnResult.objects.get()


# ---------------------------------------------------------------- the try page


def test_the_form_shows_product_notice_and_limits(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    response = client.get(try_url())
    html = response.content.decode()
    assert response.status_code == 200
    assert current_notice().text.replace("'", "&#x27;") in html
    assert "up to 15 MB" in html
    assert "Noor" in html
    assert "style=" not in html
    assert "<script>" not in html
    assert "no-store" in response["Cache-Control"]
    assert COOKIE not in response.cookies


def test_a_look_leaves_no_shopper_behind(client: Client, garment: Garment) -> None:
    client.get(try_url())
    client.get(try_url() + "?fragment=1")
    post(client)
    assert not Shopper.objects.exists()


@pytest.mark.parametrize("ref", ["nothing", "a/b/c"])
def test_unknown_product(client: Client, garment: Garment, ref: str) -> None:
    assert client.get(try_url(ref)).status_code == 404


def test_nobody_can_make_it(client: Client, garment: Garment, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(ENABLED=False)
    assert client.get(try_url()).status_code == 404
    assert client.post(try_url(), {"photo": file()}).status_code == 404


def test_start_by_photo(client: Client, garment: Garment) -> None:
    response = post(client, photo=file())
    row = TryOnResult.objects.get()
    assert response.status_code == 303
    assert response["Location"] == reverse("tryon:result", kwargs={"pk": row.pk})
    assert response.cookies[COOKIE]["httponly"]
    assert response.cookies[COOKIE]["samesite"] == "Lax"
    assert Consent.objects.get().channel == "web"


def test_start_by_model(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    response = client.post(try_url(), {"model_id": preset_model.pk})
    assert response.status_code == 303
    assert TryOnResult.objects.get().preset_model == preset_model
    assert not Consent.objects.exists()


def test_the_variant_asked_for(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    Garment.objects.create(
        product_ref="1", variant="Ink", name="Ink tee", category="upper", image=garment.image, thumb=garment.thumb,
        width=1, height=1, sha256="0" * 64,
    )  # fmt: skip
    client.post(try_url() + "?variant=Ink", {"model_id": preset_model.pk})
    assert TryOnResult.objects.get().garment.variant == "Ink"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "photo", "Choose a photo first."),
        ({"photo": b""}, "photo", "That file is damaged."),
        ({"photo": b"words"}, "photo", "We can&#x27;t read that kind of file."),
        ({"photo": jpeg(100, 100)}, "photo", "That photo is too small. Use one at least 256 pixels"),
        ({"photo": jpeg(), "consent": ""}, "consent", "Please agree first."),
        ({"photo": jpeg(), "consent": "old"}, "consent", "Our photo notice changed"),
        ({"model_id": "99"}, "form", "That model is no longer offered."),
    ],
)
def test_errors_stand_beside_their_field(
    client: Client, garment: Garment, fields: dict[str, Any], field: str, words: str
) -> None:
    if isinstance(fields.get("photo"), bytes):
        fields = {**fields, "photo": file(fields["photo"])}
    response = post(client, **fields)
    html = response.content.decode()
    assert response.status_code == 422
    place = html.split(f'data-tryon-tell="{field}">')[1].split("</p>")[0].split("</div>")[0]
    assert words in place
    assert not TryOnResult.objects.exists()


def test_what_was_filled_in_stays(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    html = post(client, photo=file(b"words")).content.decode()
    box = html.split('name="consent"')[1].split(">")[0]
    assert "checked" in box


def test_a_photo_that_was_accepted_is_kept_when_the_rest_is_refused(
    client: Client, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(MAX_QUEUE=0)
    response = post(client, photo=file())
    html = response.content.decode()
    assert response.status_code == 422
    assert "Many people are trying things on. Try again in about 2 minutes." in html
    photo = ShopperPhoto.objects.get()
    assert f'name="photo_id" value="{photo.pk}"' in html
    tryon_settings(MAX_QUEUE=500)
    assert post(client, photo_id=str(photo.pk)).status_code == 303
    assert ShopperPhoto.objects.get() == photo


def test_the_second_of_two_clicks_finds_the_first(client: Client, garment: Garment) -> None:
    locations = {post(client, photo=file())["Location"] for _click in range(2)}
    assert len(locations) == 1
    assert TryOnResult.objects.count() == 1
    assert ShopperPhoto.objects.count() == 1


def test_somebody_elses_photo_id_is_no_photo(client: Client, garment: Garment, photo: ShopperPhoto) -> None:
    response = post(client, photo_id=str(photo.pk))
    assert response.status_code == 422
    assert str(photo.pk) not in response.content.decode()


def test_the_day_is_used_up(client: Client, garment: Garment, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(DAILY_LIMIT=1)
    post(client, photo=file())
    html = client.get(try_url()).content.decode()
    assert "You&#x27;ve used today&#x27;s 1 previews. More at 00:00." in html
    response = post(client, photo=file(jpeg(colour="#445566")))
    assert response.status_code == 422
    assert "previews. More at 00:00." in response.content.decode()


def test_names_are_escaped(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    attack = '"><script>alert(1)</script>'
    Garment.objects.update(name=attack)
    PresetModel.objects.update(name=attack)
    client.post(try_url(), {"model_id": preset_model.pk})
    row = TryOnResult.objects.get()
    for path in (try_url(), try_url() + "?fragment=1", reverse("tryon:result", kwargs={"pk": row.pk})):
        assert "<script>alert" not in client.get(path).content.decode()


def test_csrf_is_asked_for(garment: Garment, mine: TryOnResult, client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    keys = {"pk": mine.pk}
    paths = [
        try_url(),
        reverse("tryon:withdraw"),
        reverse("tryon:delete", kwargs=keys),
        reverse("tryon:cancel", kwargs=keys),
    ]
    assert {strict.post(path).status_code for path in paths} == {403}
    assert TryOnResult.objects.exists()


# ---------------------------------------------------------------- the preview page


def preview_url(row: TryOnResult) -> str:
    return reverse("tryon:result", kwargs={"pk": row.pk})


def test_progress_refreshes_itself_only_without_scripts(client: Client, mine: TryOnResult) -> None:
    html = client.get(preview_url(mine)).content.decode()
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in html
    assert html.count("http-equiv") == 1
    assert "Waiting for a free place" in html


@pytest.mark.django_db(transaction=True)
def test_result(client: Client, garment: Garment) -> None:
    post(client, photo=file())
    Drain(idle=0).run()
    row = TryOnResult.objects.get()
    html = client.get(preview_url(row)).content.decode()
    assert row.status == Status.SUCCEEDED
    assert "AI-generated preview of Crew tee on you" in html
    assert "Shows style, not size." in html
    assert 'href="/size-guide/"' in html
    assert "http-equiv" not in html
    fragment = client.get(preview_url(row) + "?fragment=1").content.decode()
    assert "<html" not in fragment
    assert "AI-generated preview of Crew tee on you" in fragment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "words", "way_on"),
    [
        ("no_person", "We couldn&#x27;t find a person", "Choose another photo"),
        ("image_too_small", "at least 256 pixels", "Choose another photo"),
        ("content_blocked", "We can&#x27;t use this photo.", "Choose another photo"),
        ("config", "You were not charged a try.", "Try again"),
    ],
)
def test_failure(
    client: Client, garment: Garment, tryon_settings: Callable[..., None], code: str, words: str, way_on: str
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code=code)})
    post(client, photo=file())
    Drain(idle=0).run()
    html = client.get(preview_url(TryOnResult.objects.get())).content.decode()
    assert words in html
    assert way_on in html
    assert "told to refuse" not in html  # the shop's words stay in the shop


def test_the_result_of_a_product_that_went_away(client: Client, mine: TryOnResult) -> None:
    Garment.objects.update(active=False)
    assert client.get(preview_url(mine)).status_code == 200


def test_foreign_missing_and_expired_look_the_same(client: Client, mine: TryOnResult) -> None:
    stranger = Client()
    missing = reverse("tryon:result", kwargs={"pk": uuid4()})
    answers = [stranger.get(preview_url(mine)), stranger.get(missing), client.get(missing)]
    TryOnResult.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answers.append(client.get(preview_url(mine)))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        del answer["Expires"]  # the second it was made in
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1
    assert "private, no-store" in answers[0]["Cache-Control"]


def test_strangers_change_nothing(mine: TryOnResult) -> None:
    stranger = Client()
    for name in ("cancel", "delete"):
        assert stranger.post(reverse(f"tryon:{name}", kwargs={"pk": mine.pk})).status_code == 404
    stranger.post(reverse("tryon:withdraw"))
    mine.refresh_from_db()
    assert mine.status == Status.QUEUED


def test_cancel(client: Client, mine: TryOnResult) -> None:
    response = client.post(reverse("tryon:cancel", kwargs={"pk": mine.pk}))
    mine.refresh_from_db()
    assert (response.status_code, mine.status) == (303, Status.CANCELED)
    assert "You stopped this preview." in client.get(response["Location"]).content.decode()


def test_delete_takes_the_photo_along(client: Client, mine: TryOnResult) -> None:
    assert mine.photo
    other = request(Demand(mine.photo.shopper, mine.garment, photo=mine.photo, idempotency_key="same photo")).result
    cancel(other)
    storage, name = mine.photo.file.storage, mine.photo.file.name
    response = client.post(reverse("tryon:delete", kwargs={"pk": mine.pk}))
    assert response.status_code == 303
    assert "Nothing of that preview is left here." in client.get(response["Location"]).content.decode()
    assert not ShopperPhoto.objects.exists()
    assert not storage.exists(str(name))
    assert client.get(preview_url(mine)).status_code == 404


@pytest.mark.parametrize("name", ["cancel", "delete"])
def test_looking_changes_nothing(client: Client, mine: TryOnResult, name: str) -> None:
    assert client.get(reverse(f"tryon:{name}", kwargs={"pk": mine.pk})).status_code == 405
    assert client.get(reverse("tryon:withdraw")).status_code == 405


# ---------------------------------------------------------------- privacy


def test_the_privacy_page_says_what_the_settings_do(client: Client, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(
        PHOTO_RETENTION_HOURS=1,
        RESULT_RETENTION_HOURS=48,
        PROVIDERS={"here": setting("InstantProvider"), "acme-cloud": {"BACKEND": f"{__name__}.AwayProvider"}},
    )
    html = client.get(reverse("tryon:privacy")).content.decode()
    assert "Your photo: 1 hour<" in html
    assert "Your previews: 48 hours<" in html
    assert "acme-cloud</th><td>is sent to this company" in html
    assert "This shop</th><td>stays on this shop" in html
    assert current_notice().version in html
    assert "There is nothing of yours here." in html


def test_withdraw_deletes_everything_at_once(client: Client, mine: TryOnResult, photo: ShopperPhoto) -> None:
    html = client.get(reverse("tryon:privacy")).content.decode()
    assert "Here now: 1 photo of yours, 1 preview" in html
    assert client.post(reverse("tryon:withdraw")).status_code == 303
    assert not TryOnResult.objects.exists()
    assert not TryOnOutput.objects.exists()
    assert list(ShopperPhoto.objects.all()) == [photo]  # somebody else's stays
    assert {consent.shopper_id: bool(consent.withdrawn_at) for consent in Consent.objects.all()} == {
        mine.shopper_id: True,
        photo.shopper_id: False,
    }
    assert "There is nothing of yours here." in client.get(reverse("tryon:privacy")).content.decode()

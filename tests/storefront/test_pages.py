from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from tests.providers.fakes import InstantProvider, jpeg, setting
from tryon.admission import Demand, cancel, request
from tryon.choices import Operation, Status
from tryon.consent import current_notice
from tryon.errors import TryOnError
from tryon.identity import COOKIE
from tryon.models import Consent, Garment, PresetModel, ProviderAccount, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.providers.base import Capability, Option, Output, Submission, TryOnRequest
from tryon.runner.drain import Drain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("instant")]


class AwayProvider(InstantProvider):
    """Somebody else's servers."""

    leaves_server = True


class BodyProvider(InstantProvider):
    """Refuses a face, unless it is asked to make a body for it."""

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return {Operation.TRY_ON: Capability((Option("selfie", bool, False, help="The photo is only a face."),))}

    @property
    def selfie_options(self) -> Mapping[str, Any]:
        return {"selfie": True}

    def submit(self, request: TryOnRequest) -> Submission:
        if not request.options.get("selfie"):
            raise TryOnError("face_only")
        return Submission(outputs=(Output(data=jpeg(), mime="image/jpeg"),))


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


def test_a_form_that_comes_when_nobody_can_make_it(client: Client, garment: Garment) -> None:
    """Of a page that was open before; the button is gone by now."""
    ProviderAccount.objects.create(alias="instant", open_until=timezone.now() + timedelta(minutes=1))
    response = client.get(try_url())
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert "Many people are trying things on. Try again in about 1 minute." in response.content.decode()
    ProviderAccount.objects.update(stopped=True)
    assert client.get(try_url()).status_code == 404


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
    ("fields", "field", "words", "status"),
    [
        ({}, "photo", "Choose a photo first.", 422),
        ({"photo": b""}, "photo", "That file is damaged.", 422),
        ({"photo": b"words"}, "photo", "We can&#x27;t read that kind of file.", 415),
        ({"photo": jpeg(100, 100)}, "photo", "That photo is too small. Use one at least 256 pixels", 422),
        ({"photo": jpeg(), "consent": ""}, "consent", "Please agree first.", 422),
        ({"photo": jpeg(), "consent": "old"}, "consent", "Our photo notice changed", 409),
        ({"model_id": "99"}, "form", "That model is no longer offered.", 422),
    ],
)
def test_errors_stand_beside_their_field(
    client: Client, garment: Garment, fields: dict[str, Any], field: str, words: str, status: int
) -> None:
    if isinstance(fields.get("photo"), bytes):
        fields = {**fields, "photo": file(fields["photo"])}
    response = post(client, **fields)
    html = response.content.decode()
    assert response.status_code == status
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
    assert (response.status_code, response["Retry-After"]) == (503, "120")
    assert "Many people are trying things on. Try again in about 2 minutes." in html
    photo = ShopperPhoto.objects.get()
    assert f'name="photo_id" value="{photo.pk}"' in html
    tryon_settings(MAX_QUEUE=500)
    assert post(client, photo_id=str(photo.pk)).status_code == 303
    assert ShopperPhoto.objects.get() == photo


def dark() -> bytes:
    stream = BytesIO()
    Image.eval(Image.open(BytesIO(jpeg())), lambda value: value // 8).save(stream, "JPEG")
    return stream.getvalue()


def test_a_photo_that_promises_little_is_asked_about(client: Client, garment: Garment) -> None:
    response = post(client, photo=file(dark()))
    html = response.content.decode()
    assert response.status_code == 422
    place = html.split('data-tryon-tell="photo">')[1].split("</p>")[0]
    assert "This photo looks too dark, so the preview may be poor." in place
    assert "Use anyway</button>" in html.split("data-tryon-create")[1].split(">", 1)[1].split("<p")[0]
    assert not TryOnResult.objects.exists()
    first = ShopperPhoto.objects.get()
    post(client, photo_id=str(first.pk), photo=file(dark()))  # another one, no better
    photo = ShopperPhoto.objects.get()
    assert photo != first
    assert post(client, photo_id=str(photo.pk)).status_code == 303
    assert TryOnResult.objects.get().photo == photo


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
    assert "You&#x27;ve used today&#x27;s 1 preview. More at 00:00." in html
    response = post(client, photo=file(jpeg(colour="#445566")))
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 86401
    assert "1 preview. More at 00:00." in response.content.decode()


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


def test_progress_says_how_long_it_takes_also_without_scripts(
    client: Client, mine: TryOnResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_q.conf.Conf.SYNC", False)  # nobody carries the row while it is looked at
    words = "Taking longer than usual. You can close this, we keep going.</p>"
    for seconds, late in ((3, False), (40, True)):
        began = timezone.now() - timedelta(seconds=seconds)
        TryOnResult.objects.update(created_at=began, started_at=began, status=Status.PROCESSING)
        html = client.get(preview_url(mine)).content.decode()
        assert re.search(rf"<span data-tryon-elapsed>({seconds}|{seconds + 1}) s</span>", html)
        assert (words in html) is late


def test_what_was_deleted_is_said(client: Client, mine: TryOnResult, preset_model: PresetModel) -> None:
    """The photo stays while another preview is being made from it."""
    TryOnResult.objects.update(fingerprint="")  # the next one is no double click
    other = post(client, photo_id=str(mine.photo_id))["Location"]
    on_model = post(client, model_id=preset_model.pk)["Location"]
    TryOnResult.objects.filter(photo=None).update(status=Status.SUCCEEDED, next_at=None)

    def delete(address: str, **headers: Any) -> Any:
        return client.post(f"{address}delete/", follow=not headers, **headers).content.decode()

    assert "Your photo stays as long as another preview is being made from it." in delete(preview_url(mine))
    assert "Deleted: the preview. Nothing of it is left here." in delete(on_model, HTTP_ACCEPT="application/json")
    Garment.objects.update(active=False)  # no form to go back to
    html = delete(other)
    assert "Deleted: the preview and your photo." in html
    assert ">Your photos and privacy</h1>" in html
    Garment.objects.update(active=True)
    assert "<p" not in try_page_notice(client, "?deleted=%3Cp%3E"), "only words of ours"


def try_page_notice(client: Client, query: str) -> str:
    html: str = client.get(try_url() + query).content.decode()
    return html.split('data-tryon-tell="notice">')[1].split("</p>")[0]


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
    assert "Nothing of them is left here." in client.get(response["Location"]).content.decode()
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


# ---------------------------------------------------------------- what is offered beside


def variant(garment: Garment, name: str, **changes: Any) -> Garment:
    values = {
        "product_ref": "1", "name": "Crew tee", "category": "upper", "image": garment.image, "thumb": garment.thumb,
        "width": 1, "height": 1, "sha256": "0" * 64,
    }  # fmt: skip
    return Garment.objects.create(**{**values, "variant": name, **changes})


@pytest.fixture
def made(mine: TryOnResult) -> TryOnResult:
    Drain(idle=0).run()
    mine.refresh_from_db()
    assert mine.status == Status.SUCCEEDED
    return mine


def fragment(client: Client, result: TryOnResult, **where: str) -> str:
    return str(client.get(reverse("tryon:result", args=[result.pk]), {"fragment": "1", **where}).content.decode())


def test_other_colours_of_the_same_product(client: Client, garment: Garment, made: TryOnResult) -> None:
    ink = variant(garment, "Ink")
    variant(garment, "Off", active=False)
    variant(garment, "Elsewhere", product_ref="2")
    html = fragment(client, made, product="1")
    assert f'data-garment="{ink.pk}"' in html
    assert f'data-photo="{made.photo_id}"' in html
    assert "Off" not in html
    assert "Elsewhere" not in html
    page = client.get(reverse("tryon:result", args=[made.pk])).content.decode()
    assert f"/tryon/try/1/?variant=Ink&photo={made.photo_id}" in page.replace("&amp;", "&")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"product": "1"}, "Add to bag"),
        ({"product": "1", "variant": "Ink"}, "Go to this product"),
        ({"product": "2"}, "Go to this product"),
    ],
)
def test_add_to_bag_only_where_it_would_be_the_right_thing(
    client: Client, garment: Garment, made: TryOnResult, where: dict[str, str], words: str
) -> None:
    variant(garment, "Ink")
    html = fragment(client, made, **where)
    assert words in html
    assert ({"Add to bag", "Go to this product"} - {words}).pop() not in html
    assert ("Try on the product of this page" in html) == (where["product"] == "2")


def test_earlier_previews_are_the_shoppers_own_and_still_there(
    client: Client, garment: Garment, made: TryOnResult, shopper: Shopper
) -> None:
    def strip() -> str:
        html = client.get(try_url() + "?fragment=1").content.decode()
        return html.partition("Side by side")[2]

    assert str(made.pk) in strip()
    TryOnResult.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert strip() == ""
    TryOnResult.objects.filter(pk=made.pk).update(expires_at=timezone.now() + timedelta(hours=1), shopper=shopper)
    assert strip() == ""


def test_the_last_photo_is_offered_only_under_the_standing_consent(
    client: Client, garment: Garment, made: TryOnResult, tryon_settings: Callable[..., None]
) -> None:
    words = f"photo={made.photo_id}"
    assert words in client.get(try_url()).content.decode()
    tryon_settings(PHOTO_RETENTION_HOURS=7)  # the notice is another one now
    assert words not in client.get(try_url()).content.decode()
    tryon_settings(PHOTO_RETENTION_HOURS=24)
    ShopperPhoto.objects.update(expires_at=timezone.now())
    assert words not in client.get(try_url()).content.decode()


def test_a_selfie_becomes_the_face_of_a_model(
    client: Client, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(PROVIDERS={"body": {"BACKEND": f"{__name__}.BodyProvider"}})
    post(client, photo=file())
    Drain(idle=0).run()
    refused = TryOnResult.objects.get()
    assert refused.error_code == "face_only"
    html = fragment(client, refused, product="1")
    assert "Use it as the face of a model" in html
    assert json.loads(html.partition('data-options="')[2].partition('"')[0].replace("&quot;", '"')) == {"selfie": True}
    form = client.get(try_url(), {"photo": refused.photo_id, "selfie": "1"}).content.decode()
    assert 'name="selfie" value="1"' in form
    post(client, photo_id=refused.photo_id, selfie="1")
    Drain(idle=0).run()
    again = TryOnResult.objects.exclude(pk=refused.pk).get()
    assert (again.status, again.options) == (Status.SUCCEEDED, {"selfie": True})


def test_no_body_without_somebody_who_makes_one(
    client: Client, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code="face_only")})
    post(client, photo=file())
    Drain(idle=0).run()
    assert "face of a model" not in fragment(client, TryOnResult.objects.get(), product="1")

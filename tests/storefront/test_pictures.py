from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from tests.providers.fakes import jpeg
from tryon import links
from tryon.choices import Operation
from tryon.identity import COOKIE, remember
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnOutput, TryOnResult

pytestmark = pytest.mark.django_db

PRIVATE = "private, no-store"


def output_of(garment: Garment, shopper: Shopper | None, operation: Operation = Operation.TRY_ON) -> TryOnOutput:
    result = TryOnResult.objects.create(
        garment=garment, shopper=shopper, operation=operation.value, deadline_at=timezone.now()
    )
    output = TryOnOutput(result=result, width=600, height=800, sha256="0" * 64)
    for size in ("file", "card", "thumb"):
        getattr(output, size).save(f"{output.pk.hex}-{size}.jpg", ContentFile(jpeg(300, 400)), save=False)
    output.save()
    return output


@pytest.fixture
def output(garment: Garment, shopper: Shopper) -> TryOnOutput:
    return output_of(garment, shopper)


@pytest.fixture
def owner(shopper: Shopper) -> Client:
    response = HttpResponse()
    remember(response, shopper, secure=False)
    client = Client()
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    return client


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def url_of(output: TryOnOutput, size: str = "full") -> str:
    return links.picture_url(output, size)


@pytest.mark.parametrize("size", links.SIZES)
def test_the_owner_sees_it(owner: Client, output: TryOnOutput, size: str) -> None:
    response = owner.get(url_of(output, size))
    assert response.status_code == 200
    assert Image.open(BytesIO(body(response))).size == (300, 400)
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == PRIVATE
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Content-Disposition"] == 'inline; filename="preview.jpg"'


def test_head(owner: Client, output: TryOnOutput) -> None:
    response = owner.head(url_of(output))
    assert response.status_code == 200
    assert int(response["Content-Length"]) == output.file.size


def test_foreign_missing_and_expired_look_the_same(owner: Client, output: TryOnOutput) -> None:
    missing = reverse("tryon:picture", kwargs={"pk": uuid4(), "size": "full"})
    answers = [
        Client().get(url_of(output)),
        owner.get(missing),
        owner.get(url_of(output).replace("/full/", "/huge/")),
        owner.get(url_of(output) + "?key=forged"),
    ]
    TryOnResult.objects.update(expires_at=timezone.now())
    answers.append(owner.get(url_of(output)))
    assert {(answer.status_code, answer.content, answer["Cache-Control"]) for answer in answers} == {
        (404, b"", PRIVATE)
    }
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_a_file_deleted_behind_our_back(owner: Client, output: TryOnOutput) -> None:
    output.file.storage.delete(str(output.file.name))
    assert owner.get(url_of(output)).status_code == 404


def test_signed_links_work_without_a_cookie_for_five_minutes(output: TryOnOutput) -> None:
    signed = links.picture_url(output, "card", signed=True)
    assert Client().get(signed).status_code == 200
    other = output_of(output.result.garment, output.result.shopper)
    assert Client().get(url_of(other) + "?" + signed.partition("?")[2]).status_code == 404
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert Client().get(signed).status_code == 404


def test_only_published_shots_are_for_everybody(garment: Garment, shopper: Shopper) -> None:
    shot = output_of(garment, None, Operation.MODEL_SHOT)
    preview = output_of(garment, shopper)
    assert Client().get(url_of(shot)).status_code == 404
    TryOnOutput.objects.update(published_at=timezone.now())
    response = Client().get(url_of(shot))
    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=3600"
    assert response["Content-Disposition"] == 'inline; filename="on-model.jpg"'
    assert Client().get(url_of(preview)).status_code == 404  # a shopper's preview never becomes public


def test_a_photo_is_for_its_owner_until_it_runs_out(owner: Client, photo: ShopperPhoto) -> None:
    url = reverse("tryon:photo", kwargs={"pk": photo.pk})
    response = owner.get(url)
    assert response.status_code == 200
    assert response["Cache-Control"] == PRIVATE
    assert Client().get(url).status_code == 404
    ShopperPhoto.objects.update(expires_at=timezone.now())
    assert owner.get(url).status_code == 404


def test_signing_out_leaves_nothing_to_the_next(photo: ShopperPhoto, owner: Client) -> None:
    url = reverse("tryon:photo", kwargs={"pk": photo.pk})
    owner.force_login(User.objects.create_user("ada"))
    assert owner.get(url).status_code == 200  # the photo became hers
    owner.cookies.pop("sessionid")
    assert owner.get(url).status_code == 404


@pytest.mark.parametrize("size", ["full", "thumb"])
def test_garments_and_models_are_public_and_cached(
    client: Client, garment: Garment, preset_model: PresetModel, size: str
) -> None:
    for name, row in (("garment-picture", garment), ("model-picture", preset_model)):
        url = reverse(f"tryon:{name}", kwargs={"pk": row.pk, "size": size})
        response = client.get(f"{url}?v={row.sha256[:12]}")
        assert response.status_code == 200
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert client.get(url)["Cache-Control"] == "public, max-age=300"
        assert client.get(f"{url}?v=ffffffffffff")["Cache-Control"] == "public, max-age=300"
        assert client.get(url.replace(f"/{size}/", "/card/")).status_code == 404


def test_what_is_switched_off_is_for_staff_only(
    garment: Garment, preset_model: PresetModel, admin_client: Client
) -> None:
    Garment.objects.update(active=False)
    PresetModel.objects.update(active=False)
    for name, row in (("garment-picture", garment), ("model-picture", preset_model)):
        url = reverse(f"tryon:{name}", kwargs={"pk": row.pk, "size": "thumb"})
        assert Client().get(url).status_code == 404
        response = admin_client.get(f"{url}?v={row.sha256[:12]}")
        assert response.status_code == 200
        assert response["Cache-Control"] == PRIVATE


def test_only_looking(owner: Client, output: TryOnOutput) -> None:
    assert owner.post(url_of(output)).status_code == 405

"""The passport lists every copy, the receipt names nobody, and the privacy page says what is true right now."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from tests.storefront.conftest import a_result, add_output
from tryon import copies, retention, sharing
from tryon.consent import current_notice, give_consent
from tryon.models import ErasureReceipt, Garment, LedgerEntry, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.passport import documented, passport, span
from tryon.providers.facts import Facts

pytestmark = pytest.mark.django_db
PASSPORT = "/tryon/passport/"


def text(answer: Any) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()).replace("&#x27;", "'")


def test_nothing_here(client: Client) -> None:
    assert "There is nothing of yours here" in text(client.get(PASSPORT))
    assert not Shopper.objects.exists()


def test_every_file_is_counted(owner: Client, shopper: Shopper, made: TryOnResult) -> None:
    (page,) = passport(shopper).pages
    assert page.files == 4
    sharing.share(made)
    names = {page.photo.file.name} if page.photo else set()
    for output in TryOnOutput.objects.all():
        names |= {output.file.name, output.card.name, output.thumb.name}
    assert len(names) == page.files
    shown = text(owner.get(PASSPORT))
    assert "Together 4 files" in shown
    assert "A link that you share" in shown
    assert "Nobody else got this photo" in shown


def test_it_says_who_got_it_and_until_when(owner: Client, sent: TryOnResult) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        (copy,) = copies.sent_copies(sent.shopper)  # type: ignore[arg-type]
        assert (copy.company, copy.until) == ("FASHN", sent.submitted_at + timedelta(hours=72))  # type: ignore[operator]
    shown = text(owner.get(PASSPORT))
    assert "FASHN Was sent your photo" in shown
    assert "Should be gone there" in shown
    assert (
        "As documented by FASHN: Country: not stated. Photos are not stored. Previews are deleted after 3 days."
        in shown
    )
    assert "docs.fashn.ai" in shown


def test_what_is_deleted_here_may_still_be_there(owner: Client, sent: TryOnResult) -> None:
    """The preview is deleted, and the ledger remembers that it was sent."""
    entry = LedgerEntry.objects.create(
        result_id=sent.pk, shopper_id=sent.shopper_id, provider="fashn", operation="try_on", state="committed"
    )
    retention.delete_result(sent)
    shown = text(owner.get(PASSPORT))
    assert "Deleted here already" in shown
    assert "FASHN" in shown
    LedgerEntry.objects.filter(pk=entry.pk).update(created_at=timezone.now() - timedelta(hours=73))
    assert "FASHN" not in text(owner.get(PASSPORT)), "by their own word it is gone"


def test_a_provider_that_failed_and_was_replaced_is_named_too(sent: TryOnResult, shopper: Shopper) -> None:
    LedgerEntry.objects.create(
        result_id=sent.pk, shopper_id=shopper.pk, provider="gone-since", operation="try_on", state="refunded"
    )
    assert {copy.company: copy.until is None for copy in copies.sent_copies(shopper)} == {
        "FASHN": False,
        "gone-since": True,
    }


def test_a_preset_model_is_no_photo_of_the_shopper(shopper: Shopper, garment: Garment, sent: TryOnResult) -> None:
    TryOnResult.objects.update(consent=None, photo=None)
    LedgerEntry.objects.create(
        result_id=sent.pk, shopper_id=shopper.pk, provider="fashn", operation="try_on", state="committed"
    )
    assert copies.sent_copies(shopper) == []


def test_one_shopper_sees_nothing_of_another(owner: Client, stranger: Client, made: TryOnResult) -> None:
    assert "There is nothing of yours here" in text(stranger.get(PASSPORT))
    assert "Crew tee" in text(owner.get(PASSPORT))


def test_delete_all_gives_a_receipt(owner: Client, sent: TryOnResult, photo: ShopperPhoto) -> None:
    path = Path(photo.file.path)
    answer = owner.post(reverse("tryon:withdraw"), follow=True)
    receipt = ErasureReceipt.objects.get()
    assert answer.redirect_chain == [(f"/tryon/receipts/{receipt.pk}/", 303)]
    shown = text(answer)
    assert str(receipt.pk) in shown
    assert "Photos 1" in shown
    assert "Agreements ended 1" in shown
    assert "FASHN : was sent a photo once. Should be gone there" in shown
    assert not path.exists()
    assert text(Client().get(f"/tryon/receipts/{receipt.pk}/")) == shown, "its address is the proof"
    assert "There is nothing of yours here" in text(owner.get(PASSPORT))
    assert owner.post(reverse("tryon:withdraw"), follow=True).redirect_chain == [
        ("/tryon/privacy/?deleted=nothing", 303)
    ]


def test_an_unknown_receipt(client: Client) -> None:
    assert client.get("/tryon/receipts/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_one_photo_alone(owner: Client, stranger: Client, made: TryOnResult, photo: ShopperPhoto) -> None:
    url = reverse("tryon:delete-photo", kwargs={"pk": photo.pk})
    assert stranger.post(url).status_code == 303
    assert ShopperPhoto.objects.exists()
    assert "Deleted: the photo. Previews made from it stay" in text(owner.post(url, follow=True))
    assert not ShopperPhoto.objects.exists()
    assert TryOnResult.objects.exists()


def test_the_widget_is_told_what_was_withdrawn(owner: Client, made: TryOnResult) -> None:
    def withdraw() -> dict[str, str]:
        answer: dict[str, str] = owner.post(reverse("tryon:withdraw"), headers={"accept": "application/json"}).json()
        return answer

    told = withdraw()
    assert told["detail"] == "Withdrawn. Photos deleted: 1. Previews deleted: 1."
    assert told["receipt_url"] == f"/tryon/receipts/{ErasureReceipt.objects.get().pk}/"
    assert withdraw() == {"detail": "Nothing was deleted: there was nothing of yours here."}


# ---------------------------------------------------------------- what the pages say about companies


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (None, ["What they keep is not known."]),
        (
            Facts("A"),
            [
                "Country: not stated.",
                "How long photos are kept is not stated.",
                "How long previews are kept is not stated.",
            ],
        ),
        (
            Facts("A", place="Peru", photo=timedelta(hours=1), result=timedelta(days=30)),
            ["Country: Peru.", "Photos are deleted after 1 hour.", "Previews are deleted after 30 days."],
        ),
    ],
)
def test_documented(facts: Facts | None, said: list[str]) -> None:
    assert documented(facts) == said


@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 hour"), (24, "24 hours"), (48, "48 hours"), (72, "3 days"), (73, "73 hours")]
)
def test_span(hours: int, words: str) -> None:
    assert span(timedelta(hours=hours)) == words


def test_the_privacy_page_follows_the_settings(
    client: Client, tryon_settings: Callable[..., None], sent: TryOnResult
) -> None:
    tryon_settings(PHOTO_RETENTION_HOURS=5, CONSENT_RETENTION_DAYS=77, SHARING=False, DELETE_PHOTO_WHEN_DONE=True)
    shown = text(client.get(reverse("tryon:privacy")))
    assert "Your photo: 5 hours at most; it is deleted as soon as nothing is being made from it" in shown
    assert "without any picture: 77 days" in shown
    assert "Links that you share" not in shown
    assert "FASHN is sent to this company" in shown
    assert "As documented by FASHN: Country: not stated. Photos are not stored." in shown


def kling() -> dict[str, Any]:
    return {"kling": {"BACKEND": "tryon.providers.kling.KlingProvider", "OPTIONS": {"api_key": "a:b"}}}


def test_the_notice_says_who_where_and_how_long(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=kling(), PHOTO_RETENTION_HOURS=1)
    notice = current_notice()
    assert "It is sent to Kling AI (Singapore) to make the preview." in notice.text
    assert "deleted after 1 hour," in notice.text
    assert notice.providers == ("kling",)


def test_the_version_follows_facts_and_not_translations(
    tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch, shopper: Shopper
) -> None:
    tryon_settings(PROVIDERS=kling())
    first = current_notice().version
    with translation.override("de"):
        assert current_notice().version == first
    give_consent(shopper, first, channel="web")
    longer = Facts("Kling AI", place="Singapore", result=timedelta(days=60))
    monkeypatch.setattr("tryon.providers.kling.KlingProvider.facts", longer)
    assert current_notice().version != first, "they keep it longer: everybody is asked again"
    tryon_settings(PROVIDERS=kling(), RESULT_RETENTION_HOURS=48)
    assert current_notice().version != first


def test_hidden_face_files_are_counted(
    made: TryOnResult, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    portrait = Path(__file__).parents[2] / "tryon_shop" / "samples" / "portrait.jpg"
    result = a_result(shopper, garment, photo)
    add_output(result, portrait.read_bytes())
    sharing.share(result, hide_face=True)
    (page,) = passport(shopper).pages
    assert page.files == 1 + 3 + 3 + 1

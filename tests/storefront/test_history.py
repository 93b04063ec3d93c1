"""My previews, the latest photo, feedback and the counter of the funnel."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.dispatch import Signal
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import only_on_postgres
from tests.providers.fakes import jpeg
from tests.storefront.conftest import a_result, browser_of
from tryon import admission, feedback, funnel, retention, signals
from tryon.choices import FeedbackReason, FunnelStep
from tryon.consent import current_notice
from tryon.errors import TryOnError
from tryon.models import Feedback, FunnelCount, Garment, Shopper, ShopperPhoto, TryOnResult
from tryon.runner.drain import Drain
from tryon.signals import feedback_given

pytestmark = pytest.mark.django_db
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


class TestPreviews:
    def test_ones_own_newest_first(
        self, owner: Client, stranger: Client, shopper: Shopper, garment: Garment, made: TryOnResult
    ) -> None:
        later = a_result(shopper, garment, status="failed", error_code="no_person")
        a_result(shopper, garment, status="canceled")
        a_result(shopper, garment, expires_at=timezone.now() - timedelta(seconds=1))
        answer = owner.get(reverse("tryon:history"))
        assert [item["result"] for item in answer.context["previews"]] == [later, made]
        html = answer.content.decode()
        assert "AI-generated preview of Crew tee on you" in html
        assert "find a person in this photo" in html
        assert "no-store" in answer["Cache-Control"]
        assert stranger.get(reverse("tryon:history")).context["previews"] == []

    def test_queries_do_not_grow(
        self, owner: Client, shopper: Shopper, garment: Garment, made: TryOnResult, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(20):
            a_result(shopper, garment)
        with django_assert_max_num_queries(6):
            owner.get(reverse("tryon:history"))


class TestLatestPhoto:
    url = "/tryon/photos/latest/"

    def test_addresses_and_thumbnail(self, owner: Client, stranger: Client, photo: ShopperPhoto) -> None:
        told = owner.get(self.url).json()
        assert told["id"] == str(photo.pk)
        assert (told["width"], told["height"]) == (600, 800)
        thumb = owner.get(told["thumb_url"])
        assert thumb["Content-Type"] == "image/jpeg"
        assert thumb["Cache-Control"] == "private, no-store"
        assert len(thumb.content) < len(owner.get(told["url"]).content)
        assert stranger.get(told["thumb_url"]).status_code == 404
        assert stranger.get(self.url).status_code == 404
        assert Client().get(self.url).status_code == 404

    def test_a_photo_that_ran_out(self, owner: Client, photo: ShopperPhoto) -> None:
        ShopperPhoto.objects.update(expires_at=timezone.now())
        assert owner.get(self.url).status_code == 404
        assert owner.get(reverse("tryon:photo-thumb", kwargs={"pk": photo.pk})).status_code == 404

    def test_a_photo_whose_file_was_deleted_behind_our_back(self, owner: Client, photo: ShopperPhoto) -> None:
        photo.file.storage.delete(str(photo.file.name))
        assert owner.get(reverse("tryon:photo-thumb", kwargs={"pk": photo.pk})).status_code == 404


class TestFeedback:
    def url(self, result: TryOnResult) -> str:
        return reverse("tryon:feedback", kwargs={"pk": result.pk})

    def test_the_second_word_replaces_the_first(self, owner: Client, made: TryOnResult) -> None:
        first = owner.post(self.url(made), {"verdict": "dislike", "reasons": ["face", "colour"]}, **JSON)
        assert (first.status_code, first.json()) == (200, {"liked": False, "reasons": ["face", "colour"]})
        assert owner.post(self.url(made), {"verdict": "like"}, **JSON).status_code == 200
        said = Feedback.objects.get()
        assert (said.liked, said.reasons, said.provider, said.garment) == (True, [], "instant", made.garment)

    def test_without_scripts(self, owner: Client, made: TryOnResult) -> None:
        answer = owner.post(self.url(made), {"verdict": "like"}, follow=True)
        assert answer.redirect_chain == [(f"/tryon/previews/{made.pk}/?thanks=1", 303)]
        assert "Thank you" in answer.content.decode()

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"verdict": "maybe"},
            {"verdict": "like", "reasons": ["because"]},
            {"verdict": "dislike", "reasons": [reason.value for reason in FeedbackReason]},
        ],
    )
    def test_what_is_refused(self, owner: Client, made: TryOnResult, fields: dict[str, Any]) -> None:
        assert len(FeedbackReason) == 6, "one more than may be chosen"
        answer = owner.post(self.url(made), fields, **JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        page = owner.post(self.url(made), fields)
        assert page.status_code == 422
        html = page.content.decode()
        assert "Something in the form is missing or wrong." in html
        assert "AI-generated preview of Crew tee on you" in html, "the preview stays"
        ticked = {fields.get("verdict"), *fields.get("reasons", ())} - {None, "maybe", "because"}
        assert html.count(" checked>") == len(ticked)
        assert not Feedback.objects.exists()

    def test_only_ones_own_and_only_finished(
        self, owner: Client, stranger: Client, shopper: Shopper, garment: Garment, made: TryOnResult
    ) -> None:
        assert stranger.post(self.url(made), {"verdict": "like"}).status_code == 404
        assert owner.post(reverse("tryon:feedback", kwargs={"pk": uuid4()}), {"verdict": "like"}).status_code == 404
        queued = a_result(shopper, garment, status="queued", next_at=timezone.now())
        assert owner.post(self.url(queued), {"verdict": "like"}, **JSON).status_code == 422

    def test_after_a_deletion_there_is_nothing_to_say(self, made: TryOnResult) -> None:
        late = TryOnResult.objects.get(pk=made.pk)
        retention.delete_result(made)
        with pytest.raises(TryOnError, match="not_found"):
            feedback.give(late, liked=True)
        assert not Feedback.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_it_is_told(self, made: TryOnResult) -> None:
        heard: list[bool] = []

        def receiver(sender: type, feedback: Feedback, **kwargs: Any) -> None:
            heard.append(feedback.liked)

        feedback_given.connect(receiver)
        try:
            feedback.give(made, liked=False)
        finally:
            feedback_given.disconnect(receiver)
        assert heard == [False]

    def test_every_reason_has_words(self) -> None:
        assert {value for value, words in feedback.choices() if words} == {reason.value for reason in FeedbackReason}


class TestFunnel:
    url = "/tryon/events/"

    def test_counts_and_nothing_else(self, client: Client) -> None:
        for step in ("opened", "opened", "photo", "bag", "nonsense", ""):
            assert client.post(self.url, {"step": step}).status_code == 204
        today = timezone.localdate()
        assert funnel.totals(today, today) == {"opened": 2, "photo": 1, "started": 0, "done": 0, "bag": 1}
        assert {field.name for field in FunnelCount._meta.fields} == {"id", "day", "step", "count"}
        assert not client.cookies

    @pytest.mark.django_db(transaction=True)
    def test_started_and_done_are_counted_by_the_server(
        self, instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tryon.tasks._enqueue", lambda *args: None)
        admission.request(admission.Demand(shopper, garment, photo=photo))
        today = timezone.localdate()
        assert funnel.totals(today, today)["started"] == 1
        assert funnel.totals(today, today)["done"] == 0
        Drain(idle=0.0).run()
        assert funnel.totals(today, today)["done"] == 1

    def test_a_script_runs_out(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tryon.storefront.events.EVENTS_A_MINUTE", 3)
        for _ in range(10):
            assert client.post(self.url, {"step": "opened"}).status_code == 204
        client.post(self.url, {"step": "opened"}, REMOTE_ADDR="10.0.0.9")
        assert FunnelCount.objects.get().count == 4

    def test_without_a_cache_nothing_is_counted_and_nothing_breaks(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*args: Any, **kwargs: Any) -> None:
            raise ConnectionError("redis")

        monkeypatch.setattr(cache, "add", down)
        assert client.post(self.url, {"step": "opened"}).status_code == 204
        assert not FunnelCount.objects.exists()

    def test_other_sites_can_not_count(self, shopper: Shopper) -> None:
        assert browser_of(shopper, csrf=True).post(self.url, {"step": "opened"}).status_code == 403
        assert Client().get(self.url).status_code == 405


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_counting_at_the_same_time_loses_nothing() -> None:
    only_on_postgres()

    def work() -> None:
        try:
            for _ in range(20):
                funnel.count(FunnelStep.OPENED)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FunnelCount.objects.get().count == 160


@pytest.mark.django_db(transaction=True)
def test_a_journey_tells_every_step(instant: None, client: Client, garment: Garment) -> None:
    """The document names every signal, and the shopper's are all sent, each once a step."""
    ours = {"announced", "money_refused"}
    told = {name for name, one in vars(signals).items() if isinstance(one, Signal)} - ours
    document = (Path(__file__).parents[2] / "docs" / "widget.md").read_text(encoding="utf-8")
    rows = document.split("## Signals")[1].split("\n## ")[0]
    assert told == set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE))

    heard: list[str] = []
    receivers = {name: lambda name=name, **kwargs: heard.append(name) for name in told}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    try:
        form = {"photo": BytesIO(jpeg()), "consent": current_notice().version}
        address = client.post(reverse("tryon:try", args=["1"]), form)["Location"]
        Drain(idle=0).run()
        client.post(f"{address}feedback/", {"verdict": "like"})
        link = client.post(f"{address}share/", **JSON).json()["url"]
        Client().post(f"{link}report/")
        client.post(reverse("tryon:withdraw"))
    finally:
        for name, receiver in receivers.items():
            getattr(signals, name).disconnect(receiver)
    of_staff = {"shot_published", "tryon_alert"}
    assert sorted(heard) == sorted(told - of_staff)

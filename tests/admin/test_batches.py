"""The page of a batch, its buttons, the review grid, and reviewers without an account: over HTTP."""

from __future__ import annotations

import html
import json
import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.studio.providers import settings
from tryon.choices import Operation, Status
from tryon.models import (
    Batch,
    Garment,
    LedgerEntry,
    PresetModel,
    ProviderAccount,
    ReviewEvent,
    ReviewLink,
    TryOnOutput,
    TryOnResult,
    WorkerSlot,
)
from tryon.runner.claim import LONG_AGO
from tryon.runner.drain import Drain
from tryon.studio import batches, review
from tryon.studio.briefs import Brief
from tryon.studio.plans import Plan

LIST = "/admin/tryon/batch/"
REVIEW = f"{LIST}review/"
DECIDE = f"{LIST}decide/"


@pytest.fixture
def batch(staff: Client, garment: Garment, make_garment: Callable[..., Garment], preset_model: PresetModel) -> Batch:
    """Three queued shots."""
    keys = [garment.pk, make_garment("b").pk, make_garment("c").pk]
    return batches.create(Plan(Brief((preset_model.pk,)), keys), user=User.objects.get(username="mara"), name="Autumn")


@pytest.fixture
def shots(garment: Garment, preset_model: PresetModel, make_result: Callable[..., TryOnResult]) -> list[TryOnOutput]:
    """Three finished shots of one batch that wait for a review."""
    own = {"batch": Batch.objects.create(name="Made", operation="model_shot", status="done")}
    return [make_result(garment, preset_model=preset_model, **own).outputs.get() for _ in range(3)]


def page_of(batch: Batch) -> str:
    return f"{LIST}{batch.pk}/change/"


def send(client: Client, act: str, *outputs: TryOnOutput, **data: Any) -> Any:
    """As the page's script does."""
    keys = [str(output.pk) for output in outputs]
    answer = client.post(DECIDE, {"act": act, "outputs": keys, **data}, headers={"Accept": "application/json"})
    return json.loads(answer.content)


# ---------------------------------------------------------------- the page


def test_the_page_says_how_far_it_is(staff, batch):
    rows = list(batch.results.order_by("created_at"))
    TryOnResult.objects.filter(pk=rows[0].pk).move(Status.FAILED, error_code="garment_unsuitable")
    page = html.unescape(staff.get(page_of(batch)).content.decode())
    assert "<strong>1 of 3</strong>" in page
    assert 'data-share="33"' in page
    assert "The garment has no usable picture." in page
    assert "Upload another picture of the garment" in page
    assert "Retry 1 failed (at most 0.00 USD)" in page
    assert "0.00 USD spent" in page
    assert "Failed or refused 1" in page


def test_the_fragment_is_the_live_part_only(staff, batch):
    page = staff.get(page_of(batch), {"fragment": "1"}).content.decode()
    assert "<html" not in page
    assert re.findall('data-tryon-part="([a-z]+)"', page) == ["progress", "acts", "rows"]
    assert 'data-running="1"' in page


def test_no_worker_is_said_with_the_command(staff, batch):
    def left(seconds: int) -> None:
        """A drain let go of its slot so long ago."""
        until = timezone.now() - LONG_AGO - timedelta(seconds=seconds)
        WorkerSlot.objects.update_or_create(name="drain-0", defaults={"until": until, "woken_at": until, "owner": ""})

    TryOnResult.objects.update(next_at=timezone.now() - timedelta(seconds=45))
    left(300)
    page = html.unescape(staff.get(page_of(batch)).content.decode())
    assert re.search(r"No worker seen for 4\d s\.", page)
    assert "python manage.py qcluster" in page
    left(1)  # it had nothing to send yet, and is rung for again
    assert "No worker seen" not in staff.get(page_of(batch)).content.decode()
    left(300)
    batches.pause(batch, user=None)
    assert "No worker seen" not in staff.get(page_of(batch)).content.decode()


def test_a_provider_that_is_paused_is_named_and_no_worker_is_missed(staff, batch):
    batch.results.update(provider="instant", next_at=timezone.now() - timedelta(seconds=45))
    later = timezone.now() + timedelta(hours=1)
    ProviderAccount.objects.create(alias="instant", paused_until=later, paused_because="out of credits")
    page = html.unescape(staff.get(page_of(batch)).content.decode())
    assert "instant makes nothing just now: out of credits" in page
    assert "No worker seen" not in page


def test_rows_by_state_and_page(staff, batch, monkeypatch):
    monkeypatch.setattr("tryon.admin.batches.ROWS", 2)
    first = batch.results.order_by("created_at").first()
    TryOnResult.objects.filter(pk=first.pk).move(Status.FAILED)
    assert len(staff.get(page_of(batch)).context["rows"]) == 2
    assert len(staff.get(page_of(batch), {"p": "2"}).context["rows"]) == 1
    assert [item["row"] for item in staff.get(page_of(batch), {"state": "failed"}).context["rows"]] == [first]
    for nonsense in ({"p": "x"}, {"p": "99"}, {"state": "<b>"}):
        assert staff.get(page_of(batch), nonsense).status_code == 200


@pytest.mark.parametrize("key", ["x", "0b8f63bd-6f51-4a0e-9d53-3d7f5a1c2e44", "1"])
def test_a_batch_that_is_not_there(staff, key):
    assert staff.get(f"{LIST}{key}/change/").status_code == 404


# ---------------------------------------------------------------- its buttons


def press(client: Client, batch: Batch, act: str, **data: Any) -> str:
    answer = client.post(f"{LIST}{batch.pk}/act/", {"act": act, **data}, follow=True)
    batch.refresh_from_db()
    return html.unescape(answer.content.decode())


def test_pause_resume_and_cancel(staff, batch):
    assert "Pause (free)" in staff.get(page_of(batch)).content.decode()
    assert "Paused. What is being made just now is still finished." in press(staff, batch, "pause")
    assert batch.status == "paused"
    assert "Go on with 3 shots (at most 0.00 USD)" in staff.get(page_of(batch)).content.decode()
    assert "Nothing to do" in press(staff, batch, "pause")
    assert "Going on." in press(staff, batch, "resume")
    assert "3 shots cancelled." in press(staff, batch, "cancel")
    assert batch.status == "canceled"


def test_what_going_on_costs_is_said_and_kept_in_the_log(staff, batch, tryon_settings):
    """Another provider may have to step in for a row that is not pinned."""
    tryon_settings(PROVIDERS=settings("person", "studio"))
    batch.results.update(provider="person")
    press(staff, batch, "pause")
    assert "Go on with 3 shots (at most 1.50 USD)" in staff.get(page_of(batch)).content.decode()
    press(staff, batch, "resume")
    press(staff, batch, "cancel")
    log = staff.get(f"{LIST}{batch.pk}/history/").content.decode()
    assert "Resumed: 3 shots, at most 1.50 USD." in log
    assert "Cancelled: 3 shots were not made, at most 1.50 USD were not spent." in log


def test_retry_says_how_many(staff, batch):
    batch.results.all().move(Status.FAILED)
    assert "3 shots queued again." in press(staff, batch, "retry")
    assert batch.results.filter(status=Status.QUEUED).count() == 3


def test_the_limit_is_changed_on_the_page(staff, batch, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio"))
    assert "The limit is changed." in press(staff, batch, "limit", max_cost="4,50")
    assert str(batch.max_cost) == "4.500000"
    assert "Nothing to do" in press(staff, batch, "limit", max_cost="lots")
    press(staff, batch, "limit", max_cost="")
    assert batch.max_cost is None


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_reached_its_limit_is_paused_and_says_so(staff, batch, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio"))
    batch.results.update(provider="studio")
    Batch.objects.update(max_cost="0.60", quoted_high="1.50")
    LedgerEntry.objects.create(
        result_id=uuid.uuid4(), batch=batch, provider="studio", operation="model_shot", state="committed", amount="0.50"
    )
    Drain(budget=20, idle=0.1).run()  # nobody looks at the page
    batch.refresh_from_db()
    assert (batch.status, batch.paused_because) == ("paused", "limit")
    page = html.unescape(staff.get(page_of(batch)).content.decode())
    assert "It has spent what it may. Raise its limit, then go on." in page
    assert (
        "By the system: Paused: it has spent what it may." in staff.get(f"{LIST}{batch.pk}/history/").content.decode()
    )
    press(staff, batch, "limit", max_cost="5")
    press(staff, batch, "resume")
    assert "It has spent" not in staff.get(page_of(batch)).content.decode()


def test_a_used_up_budget_of_the_shop_is_said_and_goes_on_by_itself(staff, batch, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio"), CAPS={"shop": {"day": "0.10"}})
    batch.results.update(provider="studio")
    page = html.unescape(staff.get(page_of(batch)).content.decode())
    assert "The budget of the shop or of the provider is used up." in page
    assert "There is money again at" in page
    batch.refresh_from_db()
    assert batch.status == "running"


def test_buttons_need_their_permission(login, batch):
    client = login("review_shots", name="yann")
    page = client.get(page_of(batch)).content.decode()
    assert 'value="pause"' not in page
    assert "USD" not in page
    for act in ("pause", "resume", "cancel", "retry", "limit", "x"):
        assert client.post(f"{LIST}{batch.pk}/act/", {"act": act}).status_code == 403
    batch.refresh_from_db()
    assert batch.status == "running"


def test_an_act_is_a_known_post_with_a_token(staff, batch):
    assert staff.get(f"{LIST}{batch.pk}/act/").status_code == 405
    assert staff.post(f"{LIST}{batch.pk}/act/", {"act": "delete"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    assert strict.post(f"{LIST}{batch.pk}/act/", {"act": "pause"}).status_code == 403


@pytest.mark.parametrize(
    ("permission", "pages"),
    [
        ("generate_shots", {"list", "batch"}),
        ("review_shots", {"list", "batch", "review", "decisions"}),
        ("publish_shots", {"list", "batch", "publish"}),
        ("see_spend", set()),
        ("view_garment", set()),
    ],
)
def test_who_sees_which_page(login, staff, batch, permission, pages):
    paths = {"list": LIST, "batch": page_of(batch), "review": REVIEW, "decisions": f"{LIST}decisions/"}
    paths["publish"] = "/admin/tryon/tryonresult/publish/"
    client = login(permission, name="yann")
    assert {name for name, path in paths.items() if client.get(path).status_code == 200} == pages
    assert {client.get(path).status_code for path in paths.values()} <= {200, 403}


# ---------------------------------------------------------------- reviewing


def test_the_grid_shows_each_beside_its_source_with_its_facts(staff, shots, garment):
    LedgerEntry.objects.create(
        result_id=shots[0].result_id, provider="studio", operation="model_shot", state="committed", amount="0.25"
    )
    page = html.unescape(staff.get(REVIEW).content.decode())
    assert page.count("data-tr-card=") == 3
    assert f"/tryon/garments/{garment.pk}/full/" in page
    assert f"/admin/tryon/tryonresult/picture/{shots[0].pk}/card/" in page
    assert "<dd>instant</dd>" in page
    assert "<dd>0.25 USD</dd>" in page
    send(staff, "approve", *shots)
    log = dict(LogEntry.objects.values_list("object_id", "change_message"))
    assert log[str(shots[0].result_id)] == "Approved. It cost 0.25 USD."
    assert log[str(shots[1].result_id)] == "Approved."


def test_prices_are_for_who_may_see_them(login, shots):
    page = login("review_shots", name="yann").get(REVIEW).content.decode()
    assert page.count("data-tr-card=") == 3
    assert "USD" not in page
    assert 'data-tr-act="regenerate"' not in page


def test_decisions_of_the_script(staff, shots):
    staff.get(REVIEW)
    answer = send(staff, "approve", shots[0])
    assert (answer["ok"], answer["words"], answer["done"]) == (True, "1 approved.", [str(shots[0].pk)])
    assert send(staff, "reject", shots[1])["words"] == "Say why: choose at least one reason."
    assert send(staff, "reject", shots[1], reasons=["colour"])["ok"]
    undone = send(staff, "undo", group=answer["group"])
    assert undone["words"] == "1 decision taken back."
    assert sorted(TryOnOutput.objects.values_list("review", flat=True)) == ["rejected", "to_review", "to_review"]


def test_bulk_approve_takes_what_is_ticked_and_nothing_else(staff, shots):
    answer = send(staff, "approve", *shots[:2])
    assert answer["words"] == "2 approved."
    assert set(TryOnOutput.objects.filter(review="approved")) == set(shots[:2])
    assert send(staff, "approve")["words"] == "Tick at least one picture."


def test_a_button_of_one_card_is_about_that_card_alone(staff, shots):
    data = {"act": f"approve:{shots[1].pk}", "outputs": [str(one.pk) for one in shots], "next": REVIEW}
    answer = staff.post(DECIDE, data, follow=True)
    assert answer.redirect_chain == [(REVIEW, 302)]
    assert list(TryOnOutput.objects.filter(review="approved")) == [shots[1]]
    assert "1 approved." in answer.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_the_way_back_stays_on_this_site(staff, shots, target):
    answer = staff.post(DECIDE, {"act": f"approve:{shots[0].pk}", "next": target})
    assert answer.headers["Location"] == REVIEW


def test_make_again_costs_money_and_needs_the_permission_for_it(login, staff, shots):
    reviewer = login("review_shots", name="yann")
    assert reviewer.post(DECIDE, {"act": f"regenerate:{shots[0].pk}"}).status_code == 403
    assert TryOnResult.objects.count() == 3
    answer = send(staff, "regenerate", shots[0], note="longer")
    assert answer["words"] == "1 is made again."
    assert TryOnResult.objects.get(status=Status.QUEUED).note == "longer"
    assert send(staff, "undo", group=answer["group"])["ok"]
    assert TryOnResult.objects.get(again_of=shots[0].result).status == Status.CANCELED


def test_what_making_again_costs_is_said_before_and_gives_no_name_away(staff, shots, tryon_settings):
    tryon_settings(PROVIDERS=settings("person", "studio"))
    rows, batches_of = TryOnResult.objects, Batch.objects
    rows.filter(pk=shots[0].result_id).update(provider="person", pinned=True)
    rows.exclude(pk=shots[0].result_id).update(provider="studio", pinned=True)

    def prices(tab: str = "") -> list[str]:
        page = staff.get(f"{REVIEW}?batch={shots[0].result.batch_id}&tab={tab}").content.decode()
        return sorted(re.findall(r'data-price="It costs at most ([^"]+) USD\."', page))

    assert prices() == ["0.10", "0.50", "0.50"]
    batches_of.update(blind=True)
    TryOnOutput.objects.filter(pk=shots[0].pk).update(review="approved")
    assert prices("approved") == ["0.50"]


def test_two_reviewers_share_the_work(login, staff, shots, monkeypatch):
    monkeypatch.setattr("tryon.studio.review.PAGE", 2)
    monkeypatch.setattr(review.claim, "__defaults__", (2,))
    mine = staff.get(REVIEW).context["cards"]
    other = login("review_shots", name="yann").get(REVIEW)
    assert "more after this page" not in other.content.decode()  # two are, but not for them
    assert {card.pk for card in mine}.isdisjoint({card.pk for card in other.context["cards"]})
    assert "2 are with somebody else just now." in other.content.decode()
    theirs = TryOnOutput.objects.exclude(claimed_by="")
    assert theirs.count() == 3
    for held, left in (("60", 3), ("x", 1), ("nan", 1)):  # the page that is left, after another one claimed the same
        send(staff, "release", *[card.output for card in mine], held=held)
        assert theirs.count() == left


@pytest.mark.parametrize("act", ["", "x", "approve:x", "undo", "regenerate:"])
def test_nonsense_decides_nothing(staff, shots, act):
    answer = staff.post(
        DECIDE, {"act": act, "group": "x", "outputs": ["x", "1"]}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert set(TryOnOutput.objects.values_list("review", flat=True)) == {"to_review"}


def test_history_with_undo(staff, shots):
    send(staff, "reject", *shots, reasons=["hands", "face"])
    page = staff.get(f"{LIST}decisions/").content.decode()
    assert "Hands or arms, Face" in page
    group = ReviewEvent.objects.first().group
    answer = staff.post(DECIDE, {"act": "undo", "group": str(group), "next": f"{LIST}decisions/"}, follow=True)
    assert "3 decisions taken back." in answer.content.decode()
    assert "taken back</span>" in answer.content.decode()
    send(staff, "approve", shots[0])
    TryOnOutput.objects.filter(pk=shots[0].pk).update(published_at=timezone.now())
    page = staff.get(f"{LIST}decisions/").content.decode()
    assert 'value="undo"' not in page  # nothing would come of it
    assert "published since" in page


def test_empty_pages_say_what_now(staff):
    assert "No batch yet." in staff.get(LIST).content.decode()
    assert "Nothing waits for a review." in staff.get(REVIEW).content.decode()
    assert "Nothing is approved yet." in staff.get(f"{REVIEW}?tab=approved").content.decode()
    assert "Nothing was rejected." in staff.get(f"{REVIEW}?tab=rejected").content.decode()
    assert "Nothing was decided yet." in staff.get(f"{LIST}decisions/").content.decode()


# ---------------------------------------------------------------- reviewers without an account


def make_link(staff: Client, batch: Batch) -> str:
    answer = staff.post(f"{LIST}{batch.pk}/link/", {"name": "Agency", "days": "3"}, follow=True)
    found = re.search(r"<code>http://testserver(/[^<]+)</code>", answer.content.decode())
    assert found
    return found[1]


def test_a_link_shows_its_batch_and_takes_decisions(staff, shots, client, garment, make_result):
    batch = shots[0].result.batch
    other = make_result(garment, batch=Batch.objects.create(operation="model_shot")).outputs.get()
    path = make_link(staff, batch)
    answer = client.get(path)
    page = answer.content.decode()
    assert page.count("data-tr-card=") == 3
    assert "instant" not in page  # who made it is nobody's business
    assert "USD" not in page
    assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))
    for size in ("source", "card", "full"):
        picture = client.get(f"{path}{shots[0].pk}/{size}/")
        assert b"".join(picture.streaming_content)[:2] == b"\xff\xd8"
        assert "no-store" in picture.headers["Cache-Control"]
        assert client.get(f"{path}{other.pk}/{size}/").status_code == 404
    client.post(path, {"act": f"approve:{shots[0].pk}"})
    client.post(path, {"act": f"approve:{other.pk}"})
    client.post(path, {"act": f"regenerate:{shots[1].pk}"})
    assert list(TryOnOutput.objects.filter(review="approved")) == [shots[0]]
    assert TryOnResult.objects.count() == 4
    entry = LogEntry.objects.filter(object_id=str(shots[0].result_id)).get()
    assert "By Agency, with a review link." in entry.get_change_message()


def test_a_link_ends_when_it_is_taken_back(staff, shots, client):
    batch = shots[0].result.batch
    path = make_link(staff, batch)
    assert "Take back the link of Agency" in staff.get(page_of(batch)).content.decode()
    staff.post(f"{LIST}{batch.pk}/link/", {"revoke": str(ReviewLink.objects.get().pk)})
    ended = client.get(path)
    assert (ended.status_code, ended.headers["Referrer-Policy"]) == (404, "same-origin")
    assert "Ask whoever sent it for a new one." in ended.content.decode()
    assert ended.content == client.get(path.replace(path.rstrip("/").rpartition("/")[2], "never-there")).content
    assert client.post(path, {"act": f"approve:{shots[0].pk}"}).status_code == 404
    assert client.get(f"{path}{shots[0].pk}/card/").status_code == 404
    assert not TryOnOutput.objects.filter(review="approved").exists()


def test_links_need_the_permission_to_review(login, staff, shots):
    batch = shots[0].result.batch
    client = login("generate_shots", name="yann")
    assert client.post(f"{LIST}{batch.pk}/link/", {"name": "x"}).status_code == 403
    assert "tryon-links" not in client.get(page_of(batch)).content.decode()
    assert not ReviewLink.objects.exists()


# ---------------------------------------------------------------- size


@pytest.fixture
def many(
    staff: Client,
    garment: Garment,
    make_garment: Callable[..., Garment],
    preset_model: PresetModel,
    request: pytest.FixtureRequest,
) -> Batch:
    """Ten thousand results of a hundred garments, half of them in one batch and half of them still to be made, with
    their pictures' rows, costs and decisions; a comparison; and fifty preset models. A tenth of it in the suite: how
    much a page asks does not depend on it."""
    count = 10_000 if request.config.getoption("--prove") else 1_000
    batch = Batch.objects.create(name="Large", operation="model_shot", status="running")
    for number in range(20):
        Batch.objects.create(name=f"Small {number}", operation="model_shot", status="done")
    garments = [make_garment(f"g{number}") for number in range(100)]
    now = timezone.now()
    rows = [
        TryOnResult(
            operation=Operation.MODEL_SHOT.value,
            garment=garments[number % 100],
            preset_model=preset_model,
            batch=batch if number % 2 else None,
            status=Status.QUEUED if number % 4 in (1, 2) else Status.SUCCEEDED,
            provider="instant",
            next_at=now + timedelta(hours=1) if number % 4 in (1, 2) else None,
            deadline_at=now + timedelta(days=1),
            finished_at=None if number % 4 in (1, 2) else now,
            created_at=now - timedelta(seconds=number),
        )
        for number in range(count)
    ]
    TryOnResult.objects.bulk_create(rows)
    WorkerSlot.objects.create(name="drain-0", owner="me", until=now + timedelta(hours=1), woken_at=now)
    done = [row for row in rows if row.status == Status.SUCCEEDED]
    blank = {"file": "a", "card": "b", "thumb": "c", "width": 9, "height": 9, "sha256": "d"}
    outputs = [TryOnOutput(result=row, review="to_review", source_sha256="old", **blank) for row in done]
    for output in outputs[:200]:
        output.review = "approved"
    for output in outputs[:100]:
        output.published_at = output.stale_at = now
    TryOnOutput.objects.bulk_create(outputs)
    user = User.objects.get(username="mara")
    events = [
        ReviewEvent(output=one, after="approved", actor="user:1", name="mara", user=user) for one in outputs[:200]
    ]
    ReviewEvent.objects.bulk_create(events)
    fields = ("image", "thumb", "width", "height", "sha256")
    same = {name: getattr(preset_model, name) for name in fields}
    PresetModel.objects.bulk_create(PresetModel(name=f"Model {number}", **same) for number in range(50))
    blind = Batch.objects.create(name="Blind", operation="model_shot", status="done", blind=True)
    pairs = [
        TryOnResult(
            garment=one,
            batch=blind,
            provider=maker,
            operation="model_shot",
            status="succeeded",
            next_at=None,
            deadline_at=now,
        )
        for one in garments
        for maker in ("studio", "person")
    ]
    TryOnResult.objects.bulk_create(pairs)
    TryOnOutput.objects.bulk_create(TryOnOutput(result=row, review="to_review", **blank) for row in pairs)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(result_id=row.pk, provider="instant", operation="model_shot", state="committed", amount="0.1")
        for row in done
    )
    return batch


def long_pages(many: Batch) -> dict[str, str]:
    return {
        "garments": "/admin/tryon/garment/",
        "garments to review": "/admin/tryon/garment/?shot=review",
        "shots": "/admin/tryon/tryonresult/",
        "shots of a batch": f"/admin/tryon/tryonresult/?batch={many.pk}",
        "batches": LIST,
        "the large batch": f"{LIST}{many.pk}/change/?fragment=1",
        "review": f"{REVIEW}?sort=worst",
        "decisions": f"{LIST}decisions/",
        "to publish": f"/admin/tryon/tryonresult/publish/?batch={many.pk}",
        "stale": "/admin/tryon/garment/stale/",
        "casting": "/admin/tryon/garment/casting/?shots=60&budget=&views=back",
        "comparison": f"{LIST}{Batch.objects.get(blind=True).pk}/compare/",
        "a blind batch": f"{LIST}{Batch.objects.get(blind=True).pk}/change/?fragment=1",
        "blind shots": f"/admin/tryon/tryonresult/?batch={Batch.objects.get(blind=True).pk}",
        "preset models": "/admin/tryon/presetmodel/",
    }


def test_every_list_asks_little(staff, many):
    talkative = {}
    for name, path in long_pages(many).items():
        asked = []
        for _ in range(2):  # once a minute one of the requests looks after the alerts, too
            with CaptureQueriesContext(connection) as captured:
                assert staff.get(path).status_code == 200
            asked.append(len(captured))
        talkative[name] = min(asked)
    assert {name: count for name, count in talkative.items() if count > 12} == {}, talkative


@pytest.mark.prove  # where nothing else runs: beside another test the clock measures that one too
def test_every_list_is_quick_with_ten_thousand_results(staff, many):
    slow = {}
    for name, path in long_pages(many).items():
        seconds = []
        for _ in range(4):
            began = time.perf_counter()
            assert staff.get(path).status_code == 200
            seconds.append(time.perf_counter() - began)
        slow[name] = round(min(seconds) * 1000)
    assert {name: taken for name, taken in slow.items() if taken >= 200} == {}, slow

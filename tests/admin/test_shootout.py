"""The pages of the comparison: names stay hidden, money is for those who may see it, nobody judges without leave."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.studio import providers
from tryon.choices import Status
from tryon.models import Batch, BlindPick, EntryState, Garment, LedgerEntry, PresetModel, TryOnResult

STANDINGS = "/admin/tryon/batch/standings/"
NAMES = ("fashn", "pixelcut")


@pytest.fixture
def batch(garment: Garment, preset_model: PresetModel, make_result: Callable[..., TryOnResult]) -> Batch:
    batch = Batch.objects.create(name="Autumn", operation="model_shot", blind=True, status="done")
    for name in NAMES:
        row = make_result(garment, batch=batch, provider=name, preset_model=preset_model)
        LedgerEntry.objects.create(
            result_id=row.pk, batch=batch, provider=name, operation="model_shot", category="upper",
            state=EntryState.COMMITTED, amount=Decimal("0.30"),
        )  # fmt: skip
    return batch


def page(batch: Batch) -> str:
    return f"/admin/tryon/batch/{batch.pk}/compare/"


def test_no_name_is_on_the_page_nor_in_the_pictures_addresses_until_all_is_judged(login, batch):
    client = login("review_shots")
    answer = client.get(page(batch))
    html = answer.content.decode()
    assert not any(name in html for name in NAMES)
    group = answer.context["group"]
    picture = client.get(answer.context["pictures"][0]["url"])
    assert picture.status_code == 200
    assert not any(name in str(picture.headers) for name in NAMES)
    assert b"".join(picture.streaming_content).startswith(b"\xff\xd8")
    best = group.outputs[0].pk
    client.post(page(batch), {"group": group.key, "best": str(best)})
    html = client.get(page(batch)).content.decode()
    assert all(name in html for name in NAMES)
    assert "USD" not in html
    assert BlindPick.objects.get(best=True).output_id == best


def test_no_other_page_gives_the_names_away_while_there_is_something_to_judge(login, batch, make_garment, make_result):
    """A second reviewer's judgement, and a picture that is still being made, keep them hidden too."""
    batch.brief = {"providers": list(NAMES), "options": {"fashn": {"mode": "fine"}}}
    batch.save()
    rows = list(batch.results.all())
    TryOnResult.objects.update(engine_version="fashn 1.6", provider_job_id="pixelcut-1")
    client = login("review_shots", "view_tryonresult", "see_spend", "generate_shots", "publish_shots")
    pages = {
        "batch": f"/admin/tryon/batch/{batch.pk}/change/",
        "list": f"/admin/tryon/tryonresult/?batch={batch.pk}",
        **{f"shot {number}": f"/admin/tryon/tryonresult/{row.pk}/change/" for number, row in enumerate(rows)},
        "to review": f"/admin/tryon/batch/review/?batch={batch.pk}&tab=to_review",
        "approved": f"/admin/tryon/batch/review/?batch={batch.pk}&tab=approved",
    }

    def telling() -> set[str]:
        found = {name: client.get(path).content.decode() for name, path in pages.items()}
        return {name for name, text in found.items() if any(alias in text for alias in NAMES) or "0.30 USD" in text}

    group = client.get(page(batch)).context["group"]
    ida = login("review_shots", name="ida")
    ida.post(page(batch), {"group": group.key, "best": str(group.outputs[0].pk)})  # approves it
    assert telling() == set()
    client.post(page(batch), {"group": group.key, "best": str(group.outputs[1].pk)})
    assert telling() == {"batch", "list", "shot 0", "shot 1", "approved"}
    make_result(make_garment("more"), Status.QUEUED, batch=batch, provider="fashn")
    assert telling() == set()


def test_nothing_chosen_or_nonsense_is_said_and_not_kept(login, batch):
    client = login("review_shots")
    key = client.get(page(batch)).context["group"].key
    for data in ({}, {"best": "x"}, {"best": "0c9b2a6e-7d0f-4e43-9d0a-111111111111"}):
        answer = client.post(page(batch), {"group": key, **data})
        assert answer.status_code == 200
        assert "Choose the best picture" in answer.content.decode()
    assert client.post(page(batch), {"group": "gone"}).status_code == 302
    assert not BlindPick.objects.exists()


def test_judging_needs_the_right_to_review(login, batch):
    client = login("view_batch")
    assert client.get(page(batch)).status_code == 403
    assert client.post(page(batch), {}).status_code == 403
    assert client.get(STANDINGS).status_code == 403
    output = batch.results.first().outputs.get()
    assert client.get(f"{page(batch)}{output.pk}/").status_code == 403


def test_pictures_of_other_batches_are_not_served_here(login, batch, garment, make_result):
    other = make_result(garment).outputs.get()
    assert login("review_shots").get(f"{page(batch)}{other.pk}/").status_code == 404


def test_money_is_for_those_who_may_see_it(login, batch):
    assert "USD" not in login("review_shots").get(STANDINGS).content.decode()
    assert "0.30 USD" in login("see_spend", name="ida").get(STANDINGS).content.decode()
    assert "0.30 USD" in login("see_spend", name="ole").get(STANDINGS, {"batch": str(batch.pk)}).content.decode()
    assert login("see_spend", name="eva").get(STANDINGS, {"batch": "nonsense"}).status_code == 200


def test_an_empty_shop_says_what_the_page_is_for(login):
    assert "No shots yet." in login("review_shots").get(STANDINGS).content.decode()


def test_some_of_them_are_a_choice_where_shots_are_ordered(login, garment, preset_model, tryon_settings):
    tryon_settings(PROVIDERS=providers.settings("studio", "person", "themed"), CAPS={})
    client = login("view_garment", "generate_shots", "view_batch")
    address = "/admin/tryon/garment/generate-shots/"
    html = client.get(address, {"garments": garment.pk}).content.decode()
    assert "each of them makes every shot, to compare without names" in html
    form = {"garments": garment.pk, "choice": "1", "models": preset_model.pk, "provider": ["studio", "themed"]}
    assert client.post(address, {**form, "make": "1"}).status_code == 302
    batch = Batch.objects.get()
    assert batch.blind
    assert set(batch.results.values_list("provider", "pinned")) == {("studio", True), ("themed", True)}

"""The page of picture tools: who may do what, files of others, and what a form can't smuggle in."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.test import Client

from tests.providers.fakes import jpeg
from tests.studio.test_tools import ToolProvider, run, white_on_black
from tryon.choices import Operation, Status
from tryon.garments import exchange_picture, garment_picture
from tryon.models import Garment, Shopper, TryOnOutput, TryOnResult

MAY_LOOK, MAY_MAKE, MAY_CHANGE = "view_garment", "generate_shots", "change_garment"


@pytest.fixture
def toolbox(tryon_settings: Callable[..., None]) -> list[Any]:
    tryon_settings(PROVIDERS={"toolbox": {"BACKEND": "tests.studio.test_tools.ToolProvider"}})
    ToolProvider.seen = []
    cache.clear()  # the tokens of forms
    return ToolProvider.seen


def page(garment: Garment, query: str = "") -> str:
    return f"/admin/tryon/garment/{garment.pk}/tools/{query}"


def act(garment: Garment) -> str:
    return page(garment) + "act/"


def _read(answer: Any) -> bytes:
    """To the end, which closes the file."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def order(**changes: str) -> dict[str, str]:
    return {"tool": "upscale", "maker": "toolbox", "source": "", "token": "t1", "o-toolbox-prompt": "x", **changes}


def test_to_look_is_not_to_order(login, toolbox, garment):
    client = login(MAY_LOOK)
    answer = client.get(page(garment))
    assert answer.status_code == 200
    assert "You may look, but not have pictures made." in answer.content.decode()
    assert client.post(page(garment), order()).status_code == 403
    assert client.post(act(garment), {"use": "x"}).status_code == 403
    assert Client().get(page(garment)).status_code == 302
    assert login(name="nobody").get(page(garment)).status_code == 403


def test_an_order_is_queued_once_and_written_down(login, toolbox, garment):
    client = login(MAY_LOOK, MAY_MAKE)
    for _ in range(2):
        answer = client.post(page(garment), order(), follow=True)
    assert "ordered already" in answer.content.decode()
    row = TryOnResult.objects.get()
    assert (row.operation, row.provider, row.options) == ("upscale", "toolbox", {"prompt": "x"})
    entry = LogEntry.objects.get()
    assert "Upscale ordered. Made by: toolbox, free." in entry.change_message


def test_a_wrong_option_is_said_beside_its_field_and_nothing_is_ordered(login, toolbox, garment):
    answer = login(MAY_LOOK, MAY_MAKE).post(page(garment), order(**{"o-toolbox-prompt": "y" * 500}))
    assert answer.status_code == 200
    assert "over 200 characters" in answer.content.decode()
    assert not TryOnResult.objects.exists()


def test_the_drawing_and_the_rectangle_become_the_mask(login, toolbox, garment):
    client = login(MAY_LOOK, MAY_MAKE)
    drawing = "data:image/png;base64," + base64.b64encode(white_on_black([(0, 0, 50, 60)])).decode()
    form = order(tool="remove_object", drawing=drawing, **{"o-toolbox-prompt": "", "box-width": "10"})
    assert client.post(page(garment), {**form, "box-height": "10"}).status_code == 302
    assert TryOnResult.objects.get().mask
    run()
    assert toolbox[0].find("mask") is not None


@pytest.mark.parametrize("drawing", ["data:image/png;base64,!!!", "data:text/html;base64,PHN2Zz4=", "nonsense"])
def test_a_drawing_that_is_none_is_refused_in_words(login, toolbox, garment, drawing):
    client = login(MAY_LOOK, MAY_MAKE)
    answer = client.post(page(garment), order(tool="remove_object", drawing=drawing, **{"o-toolbox-prompt": ""}))
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode() or "messagelist" in answer.content.decode()
    assert not TryOnResult.objects.exists()


def test_nothing_marked_and_nothing_said_is_refused(login, toolbox, garment):
    answer = login(MAY_LOOK, MAY_MAKE).post(page(garment), order(tool="remove_object", **{"o-toolbox-prompt": ""}))
    assert "Mark what should go, or say it in words." in answer.content.decode()


def test_only_pictures_of_this_garment_are_shown_and_served(login, toolbox, garment, make_garment, make_result):
    client = login(MAY_LOOK)
    own, foreign, shoppers = (make_result(one) for one in (garment, make_garment("other"), garment))
    TryOnResult.objects.filter(pk=shoppers.pk).update(shopper=Shopper.objects.create(), operation=Operation.TRY_ON)
    keys = {name: row.outputs.get().pk for name, row in (("own", own), ("foreign", foreign), ("shopper", shoppers))}
    html = client.get(page(garment)).content.decode()
    assert str(keys["own"]) in html
    assert str(keys["foreign"]) not in html
    assert str(keys["shopper"]) not in html
    for name, status in (("own", 200), ("foreign", 404), ("shopper", 404)):
        answer = client.get(f"/admin/tryon/garment/{garment.pk}/versions/{keys[name]}/full/")
        assert answer.status_code == status, name
        _read(answer)
    good = client.get(f"/admin/tryon/garment/{garment.pk}/versions/{keys['own']}/full/")
    assert good["Cache-Control"].startswith("private, no-store")
    assert good["X-Content-Type-Options"] == "nosniff"
    assert b"".join(good.streaming_content).startswith(b"\xff\xd8")
    assert client.get(f"/admin/tryon/garment/{garment.pk}/versions/{keys['own']}/huge/").status_code == 404


def test_a_version_is_used_and_the_former_brought_back(login, toolbox, garment, make_result):
    client = login(MAY_LOOK, MAY_CHANGE)
    output = make_result(garment).outputs.get()
    before = garment.sha256
    client.post(act(garment), {"use": str(output.pk)})
    garment.refresh_from_db()
    assert garment.sha256 != before
    former = garment.former_pictures.get()
    answer = client.get(f"/admin/tryon/garment/{garment.pk}/former/{former.pk}/")
    assert answer.status_code == 200
    assert _read(answer).startswith(b"\xff\xd8")
    client.post(act(garment), {"restore": str(former.pk)})
    garment.refresh_from_db()
    assert garment.sha256 == before
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize("data", [{"use": "x"}, {"use": ""}, {"restore": "x"}, {"restore": "9" * 30}])
def test_what_is_not_there_is_not_found(login, garment, data):
    assert login(MAY_LOOK, MAY_CHANGE).post(act(garment), data).status_code == 404


def test_a_former_picture_of_another_garment_is_not_found(login, garment, make_garment, mara_user):
    former = exchange_picture(make_garment("other"), garment_picture(jpeg(500, 600, "#112233")), user=mara_user)
    client = login(MAY_LOOK, MAY_CHANGE)
    assert client.post(act(garment), {"restore": str(former.pk)}).status_code == 404
    assert client.get(f"/admin/tryon/garment/{garment.pk}/former/{former.pk}/").status_code == 404


@pytest.fixture
def mara_user(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("somebody")


def test_hostile_words_stay_words(login, toolbox, garment, make_result):
    evil = "<script>alert(1)</script>"
    garment.name = evil
    garment.save()
    now_over = {"status": Status.FAILED, "files": False}
    make_result(garment, operation=Operation.UPSCALE, options={"prompt": evil}, error_code="provider_down", **now_over)
    html = login(MAY_LOOK, MAY_MAKE).get(page(garment, f"?tool={evil}&source={evil}&maker={evil}")).content.decode()
    assert evil not in html
    assert "&lt;script&gt;" in html


def test_fifty_versions_ask_no_more_than_one(login, toolbox, garment, make_result, django_assert_max_num_queries):
    first = make_result(garment, operation=Operation.UPSCALE)
    made = first.outputs.get()
    rows = [
        TryOnResult(
            garment=garment, operation=Operation.UPSCALE, status=Status.SUCCEEDED, next_at=None, source=made,
            deadline_at=first.deadline_at,
        )
        for _ in range(50)
    ]  # fmt: skip
    TryOnResult.objects.bulk_create(rows)
    TryOnOutput.objects.bulk_create(
        TryOnOutput(result=row, file=made.file, card=made.card, thumb=made.thumb, width=1, height=1, sha256="0")
        for row in rows
    )
    client = login(MAY_LOOK, MAY_MAKE)
    client.get(page(garment))
    with django_assert_max_num_queries(12):
        assert client.get(page(garment)).status_code == 200


def test_without_any_provider_the_page_says_what_would_help(login, garment, tryon_settings):
    tryon_settings(PROVIDERS={"instant": {"BACKEND": "tests.providers.fakes.InstantProvider"}})
    html = login(MAY_LOOK).get(page(garment)).content.decode()
    assert "No provider is ready for any picture tool." in html


def test_the_garments_own_page_leads_here(login, garment):
    html = login(MAY_LOOK, MAY_CHANGE).get(f"/admin/tryon/garment/{garment.pk}/change/").content.decode()
    assert f"/admin/tryon/garment/{garment.pk}/tools/" in html

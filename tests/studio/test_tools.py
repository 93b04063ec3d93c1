"""Picture tools: quoted, checked, queued; the mask; the local engine's background tools from end to end."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from PIL import Image

from tests.conftest import unavailable
from tests.providers.fakes import InstantProvider, jpeg
from tryon import local_engine
from tryon.choices import Category, Operation, Status
from tryon.errors import TryOnError
from tryon.garments import garment_picture, save_garment
from tryon.models import Garment, Shopper, TryOnOutput, TryOnResult
from tryon.providers.base import Capability, Option, Output, Submission, TryOnRequest
from tryon.runner.drain import Drain
from tryon.studio import tools
from tryon.studio.tools import Box, Order

PROMPT = Option("prompt", str, None, "What to remove.", minimum=1, maximum=200)


class ToolProvider(InstantProvider):
    """Does every tool at once; a clip and a sound are a few real first bytes."""

    label = "toolbox"
    seen: list[TryOnRequest] = []

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        needed = Capability((PROMPT,), inputs=("picture",))
        return dict.fromkeys(tools.TOOLS, needed)

    def submit(self, request: TryOnRequest) -> Submission:
        type(self).seen.append(request)
        if request.operation == Operation.GENERATE_VIDEO:
            return Submission(outputs=(Output(data=b"\x00\x00\x00\x18ftypmp42" + bytes(64), mime="video/mp4"),))
        return Submission(outputs=(Output(data=jpeg(400, 500, "#aa5500"), mime="image/jpeg"),))


class PaidTools(ToolProvider):
    label = "paid"
    credit_price = Decimal("0.04")
    paid = True
    leaves_server = True

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return {Operation.UPSCALE: Capability(inputs=("picture",), cost=2.0)}


HERE = "tests.studio.test_tools"


@pytest.fixture
def toolbox(tryon_settings: Callable[..., None]) -> list[TryOnRequest]:
    tryon_settings(PROVIDERS={"toolbox": {"BACKEND": f"{HERE}.ToolProvider"}})
    ToolProvider.seen = []
    return ToolProvider.seen


@pytest.fixture
def maker(mara: User) -> User:
    mara.user_permissions.set(Permission.objects.filter(codename__in=["generate_shots", "change_garment"]))
    return User.objects.get(pk=mara.pk)


def run() -> None:
    Drain(budget=20, idle=0.1).run()


# ---------------------------------------------------------------- ordering


def test_a_run_is_queued_made_and_kept_beside_its_source(toolbox, garment, maker):
    row = tools.request(Order(Operation.UPSCALE, garment, "toolbox"), user=maker)
    assert (row.status, row.pinned, row.provider, row.requested_by) == (Status.QUEUED, True, "toolbox", maker)
    run()
    row.refresh_from_db()
    assert row.status == Status.SUCCEEDED, row.error_detail
    assert toolbox[0].find("picture") is not None
    version = row.outputs.get()
    second = tools.request(Order(Operation.REMOVE_BACKGROUND, garment, "toolbox", source=version), user=maker)
    run()
    with version.file.open("rb") as file:
        sent = toolbox[1].find("picture")
        assert sent is not None
        assert sent.data == file.read()
    assert [r.pk for r in tools.runs(garment)] == [second.pk, row.pk]
    assert second.source == version
    assert len(tools.pictures(garment)) == 2


def test_a_clip_is_kept_and_never_worked_on(toolbox, garment, maker):
    row = tools.request(Order(Operation.GENERATE_VIDEO, garment, "toolbox", options={"prompt": "turn"}), user=maker)
    run()
    clip = row.outputs.get()
    assert clip.mime == "video/mp4"
    assert list(tools.pictures(garment)) == []
    with pytest.raises(TryOnError):
        tools.request(Order(Operation.UPSCALE, garment, "toolbox", source=clip), user=maker)
    with pytest.raises(TryOnError):
        tools.use_as_picture(clip, user=maker)


def test_nobody_without_the_permission_orders(toolbox, garment, mara):
    with pytest.raises(PermissionDenied):
        tools.request(Order(Operation.UPSCALE, garment, "toolbox"), user=mara)
    assert not TryOnResult.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider": "nobody"}, "No provider is ready"),
        ({"operation": Operation.MODEL_SHOT}, "No provider is ready"),
        ({"options": {"nonsense": 1}}, "unknown option"),
        ({"operation": Operation.REMOVE_OBJECT}, "Mark what should go"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(toolbox, garment, maker, changes, words):
    order = Order(**{"operation": Operation.UPSCALE, "garment": garment, "provider": "toolbox", **changes})
    with pytest.raises(TryOnError) as caught:
        tools.request(order, user=maker)
    assert words in caught.value.detail
    assert not TryOnResult.objects.exists()


def test_a_shoppers_preview_and_another_garments_picture_are_never_edited(
    toolbox, garment, maker, make_result, make_garment, shopper: Shopper
):
    other = make_result(make_garment("other"))
    foreign = TryOnOutput.objects.get(result=other)
    with pytest.raises(TryOnError):
        tools.request(Order(Operation.UPSCALE, garment, "toolbox", source=foreign), user=maker)
    TryOnResult.objects.filter(pk=other.pk).update(shopper=shopper, garment=garment)
    foreign.refresh_from_db()
    with pytest.raises(TryOnError):
        tools.request(Order(Operation.UPSCALE, garment, "toolbox", source=foreign), user=maker)
    assert list(tools.pictures(garment)) == []


def test_over_the_budget_nothing_is_ordered(garment, maker, tryon_settings):
    tryon_settings(PROVIDERS={"paid": {"BACKEND": f"{HERE}.PaidTools"}}, CAPS={"shop": {"day": "0.05"}})
    order = Order(Operation.UPSCALE, garment, "paid")
    asked = tools.quote(order, with_money=True)
    assert asked.most == Decimal("0.08")
    assert "0.05" in asked.problem
    assert "0.05" not in tools.quote(order, with_money=False).problem
    with pytest.raises(TryOnError) as caught:
        tools.request(order, user=maker)
    assert caught.value.detail == "The budget is not enough for this."  # this user may not see what is spent
    tryon_settings(CAPS={"shop": {"day": "0.10"}})
    assert tools.quote(order, with_money=True).problem == ""
    assert tools.request(order, user=maker).status == Status.QUEUED


# ---------------------------------------------------------------- the mask


def white_on_black(boxes: list[tuple[int, int, int, int]], size: tuple[int, int] = (100, 120)) -> bytes:
    picture = Image.new("L", size, 0)
    for box in boxes:
        picture.paste(255, box)
    data = io.BytesIO()
    picture.convert("RGB").save(data, "PNG")
    return data.getvalue()


def opened(mask: bytes | None) -> Image.Image:
    assert mask is not None
    return Image.open(io.BytesIO(mask))


def test_a_drawing_and_a_rectangle_become_one_mask_of_the_pictures_size():
    mask = opened(tools.drawn_mask((500, 600), white_on_black([(50, 60, 100, 120)]), [Box(0, 0, 20, 10)]))
    assert (mask.size, mask.mode, {value for _count, value in mask.getcolors() or []}) == ((500, 600), "L", {0, 255})
    assert mask.getpixel((400, 500)) == 255  # from the drawing
    assert mask.getpixel((50, 30)) == 255  # from the rectangle
    assert mask.getpixel((300, 100)) == 0


def test_nothing_marked_is_no_mask():
    assert tools.drawn_mask((500, 600)) is None
    assert tools.drawn_mask((500, 600), white_on_black([]), [Box(10, 10, 0, 5)]) is None


def test_a_rectangle_that_leaves_the_picture_ends_at_its_edge():
    mask = opened(tools.drawn_mask((500, 600), None, [Box(90, 90, 50, 50)]))
    assert mask.size == (500, 600)
    assert mask.getpixel((499, 599)) == 255
    assert mask.getpixel((440, 530)) == 0


def test_what_is_no_picture_is_refused():
    with pytest.raises(TryOnError):
        tools.drawn_mask((500, 600), b"<svg onload=alert(1)>")


def test_the_mask_reaches_the_provider_and_goes_with_its_row(
    toolbox, garment, maker, django_capture_on_commit_callbacks
):
    mask = tools.drawn_mask((garment.width, garment.height), None, [Box(10, 10, 30, 30)])
    row = tools.request(Order(Operation.REMOVE_OBJECT, garment, "toolbox", mask=mask), user=maker)
    again = TryOnResult.objects.create(
        garment=garment, operation=row.operation, mask=row.mask.name, deadline_at=row.deadline_at, again_of=row,
        next_at=None,
    )  # fmt: skip
    run()
    sent = toolbox[0].find("mask")
    assert sent is not None
    assert (sent.width, sent.height) == (garment.width, garment.height)
    storage, name = row.mask.storage, row.mask.name
    with django_capture_on_commit_callbacks(execute=True):
        TryOnResult.objects.get(pk=row.pk).delete()
    assert storage.exists(name)  # the other row uses it too
    with django_capture_on_commit_callbacks(execute=True):
        again.delete()
    assert not storage.exists(name)


# ---------------------------------------------------------------- using a version


def test_a_version_becomes_the_garments_picture(toolbox, garment, maker):
    row = tools.request(Order(Operation.UPSCALE, garment, "toolbox"), user=maker)
    run()
    before = garment.sha256
    former = tools.use_as_picture(row.outputs.select_related("result__garment").get(), user=maker)
    assert former.sha256 == before
    fresh = Garment.objects.get(pk=garment.pk)
    assert (fresh.width, fresh.height) == (400, 500)
    assert fresh.sha256 != before


def test_using_it_needs_the_right_to_change_garments(toolbox, garment, maker, mara):
    row = tools.request(Order(Operation.UPSCALE, garment, "toolbox"), user=maker)
    run()
    stranger = User.objects.create_user("stranger", is_staff=True)
    with pytest.raises(PermissionDenied):
        tools.use_as_picture(row.outputs.get(), user=stranger)


# ---------------------------------------------------------------- the local engine, from end to end


def test_the_local_engine_cuts_out_and_puts_on_another_ground(maker, tryon_settings):
    if local_engine.models_missing():
        unavailable("the network files of the local engine (python manage.py tryon_setup)")
    tryon_settings(PROVIDERS={"local": {"BACKEND": "tryon.providers.local.LocalProvider"}})
    demo = Path(__file__).resolve().parents[2] / "tryon_shop" / "demo_pictures" / "crew-tee-clay.jpg"
    picture = garment_picture(demo.read_bytes())
    garment, _ = save_garment("clay", "", name="Crew tee", category=Category.UPPER, picture=picture)
    names = {tool.operation for tool in tools.usable(garment)}
    assert {Operation.REMOVE_BACKGROUND, Operation.REPLACE_BACKGROUND} <= names
    cut = tools.request(Order(Operation.REMOVE_BACKGROUND, garment, "local"), user=maker)
    red = Order(Operation.REPLACE_BACKGROUND, garment, "local", options={"background": "#ff0000"})
    on_red = tools.request(red, user=maker)
    run()
    for row in (cut, on_red):
        row.refresh_from_db()
        assert row.status == Status.SUCCEEDED, (row.error_code, row.error_detail)
    with cut.outputs.get().file.open("rb") as file, Image.open(file) as made:
        assert made.mode == "RGBA"
        assert made.getpixel((2, 2))[3] == 0
        assert made.getpixel((made.width // 2, made.height // 2))[3] == 255
    with on_red.outputs.get().file.open("rb") as file, Image.open(file) as made:
        pixel: Any = made.convert("RGB").getpixel((5, 5))
        assert pixel[0] > 200
        assert pixel[1] < 60
    tools.use_as_picture(cut.outputs.select_related("result__garment").get(), user=maker)
    assert str(Garment.objects.get(pk=garment.pk).image.name).endswith(".png")  # transparency is kept

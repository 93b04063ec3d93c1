"""Run by test_others.py in a process of its own, with the settings of an Oscar shop."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone
from oscar.core.loading import get_model
from oscar.core.thumbnails import get_thumbnailer
from PIL import Image

from tests.providers.fakes import InstantProvider, jpeg
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation, Status
from tryon.contrib.oscar.catalog import OscarCatalog, is_ours
from tryon.garments import sync_product
from tryon.images.disclosure import is_marked
from tryon.models import Garment, Review, TryOnOutput, TryOnResult
from tryon.providers.base import Output
from tryon.runner.delivery import deliver, outputs_of
from tryon.studio import publishing

pytestmark = pytest.mark.django_db

Product, ProductImage = get_model("catalogue", "Product"), get_model("catalogue", "ProductImage")
ProductClass, OscarCategory = get_model("catalogue", "ProductClass"), get_model("catalogue", "Category")
Attribute = get_model("catalogue", "ProductAttribute")


@pytest.fixture
def clothes() -> Any:
    kind = ProductClass.objects.create(name="Clothes", track_stock=False)
    Attribute.objects.create(product_class=kind, name="Colour", code="colour", type="text", required=False)
    return kind


@pytest.fixture
def tops(clothes: Any) -> Any:
    everything = OscarCategory.add_root(name="Everything", slug="everything")
    upper = everything.add_child(name="Tops", slug="tops")
    return upper.add_child(name="T-shirts", slug="t-shirts")


def picture(product: Any, colour: str, order: int, caption: str = "") -> Any:
    image = ProductImage(product=product, display_order=order, caption=caption)
    image.original.save("source.jpg", ContentFile(jpeg(600, 700, colour)), save=False)
    image.save()
    return image


@pytest.fixture
def tee(clothes: Any, tops: Any) -> Any:
    """A parent with two colours; the first has three pictures with gaps in their numbers."""
    parent = Product.objects.create(structure="parent", product_class=clothes, title="Crew tee")
    parent.categories.add(tops)
    for name in ("Clay", "Ink"):
        child = Product.objects.create(structure="child", parent=parent, title=f"Crew tee {name}")
        child.attr.colour = name
        child.attr.save()
    clay, ink = parent.children.order_by("pk")
    for order, words in ((0, "front"), (3, "back"), (7, "label")):
        picture(clay, "#b5664a", order, words)
    picture(ink, "#223344", 0)
    return parent


@pytest.fixture
def garment(tee: Any) -> Garment:
    garments, refused = sync_product(tee)
    assert refused == []
    assert [(g.variant, g.category, g.name) for g in garments] == [
        ("Clay", Category.UPPER, "Crew tee"), ("Ink", Category.UPPER, "Crew tee"),
    ]  # fmt: skip
    return garments[0]


def shot(garment: Garment) -> TryOnOutput:
    now = timezone.now()
    row = TryOnResult.objects.create(
        garment=garment, operation=Operation.MODEL_SHOT, status=Status.SUCCEEDED, provider="instant",
        deadline_at=now + timedelta(hours=1), next_at=None, finished_at=now,
    )  # fmt: skip
    stored = deliver(row.pk, 1, [Output(data=jpeg(), mime="image/jpeg")], provider=InstantProvider())
    TryOnOutput.objects.bulk_create(outputs_of(row, stored))
    row.outputs.update(review=Review.APPROVED)
    return row.outputs.select_related("result__garment").get()


@pytest.fixture
def user() -> Any:
    from django.contrib.auth.models import User

    return User.objects.create_superuser("mara")


def publish(user: Any, *outputs: TryOnOutput, first: bool = False) -> None:
    publishing.publish(publishing.plan(outputs, first=first), user=user)


def clay(tee: Any) -> Any:
    return tee.children.order_by("pk").first()


def orders(tee: Any) -> list[tuple[str, int]]:
    images = clay(tee).images.order_by("display_order", "pk")
    return [("ours" if is_ours(image) else image.caption, image.display_order) for image in images]


FORMER = [("front", 0), ("back", 3), ("label", 7)]


def test_the_settings_name_the_adapter():
    assert isinstance(get_catalog(), OscarCatalog)


def test_only_what_shoppers_may_see_is_offered(tee, garment):
    catalog = get_catalog()
    hidden = Product.objects.create(title="Hidden", is_public=False, product_class=tee.product_class)
    assert catalog.visible_refs([str(tee.pk), str(hidden.pk), "x", "9" * 30]) == {str(tee.pk)}
    assert catalog.get_product(str(tee.pk)) == tee
    assert catalog.get_product(str(hidden.pk)) is None
    assert catalog.get_product("no-number") is None
    assert catalog.product_ref(clay(tee)) == str(tee.pk)
    assert catalog.variant_url(tee, "Clay") == clay(tee).get_absolute_url()
    assert catalog.get_product(str(clay(tee).pk)) is None


def test_a_stand_alone_product_is_one_garment_and_one_outside_the_categories_none(clothes, tops):
    dress = Product.objects.create(structure="standalone", product_class=clothes, title="Wrap dress")
    picture(dress, "#883344", 0)
    assert sync_product(dress) == ([], [])
    dress.categories.add(OscarCategory.add_root(name="Dresses", slug="dresses"))
    garments, _refused = sync_product(dress)
    assert [(g.variant, g.category) for g in garments] == [("", Category.FULL)]


def test_publishing_puts_the_marked_file_in_the_gallery_and_taking_it_back_restores_the_numbers(tee, garment, user):
    output = shot(garment)
    assert publishing.plan([output])[0].gallery == ("front", "back", "label")
    publish(user, output)
    assert orders(tee) == [("front", 0), ("back", 1), ("label", 2), ("ours", 3)]
    image = clay(tee).images.get(code=f"tryon-{output.pk.hex}")
    assert image.caption == "Crew tee worn by a model, front view. AI-generated"
    with image.original.open("rb") as copy, output.file.open("rb") as original:
        data = copy.read()
        assert data == original.read()
    assert is_marked(data)
    publishing.unpublish([output], user=user)
    assert orders(tee) == FORMER


def test_two_shots_in_front_and_either_of_them_taken_back_alone(tee, garment, user):
    one, two = shot(garment), shot(garment)
    publish(user, one, two, first=True)
    assert [name for name, _order in orders(tee)] == ["ours", "ours", "front", "back", "label"]
    output = TryOnOutput.objects.select_related("result__garment").get(pk=one.pk)
    publishing.unpublish([output], user=user)
    assert orders(tee) == [("ours", 0), ("front", 1), ("back", 2), ("label", 3)]
    publishing.unpublish([TryOnOutput.objects.select_related("result__garment").get(pk=two.pk)], user=user)
    assert [name for name, _order in orders(tee)] == ["front", "back", "label"]


def test_both_taken_back_together_restore_the_numbers(tee, garment, user):
    one, two = shot(garment), shot(garment)
    publish(user, one, two, first=True)
    publishing.unpublish(TryOnOutput.objects.select_related("result__garment"), user=user)
    assert orders(tee) == FORMER


def test_an_order_that_the_shop_changed_meanwhile_is_kept(tee, garment, user):
    output = shot(garment)
    publish(user, output)
    clay(tee).images.filter(caption="label").update(display_order=0)
    clay(tee).images.filter(caption="front").update(display_order=2)
    publishing.unpublish([output], user=user)
    assert orders(tee) == [("label", 0), ("back", 1), ("front", 2)]


def test_a_picture_that_somebody_deleted_is_no_error(tee, garment, user):
    output = shot(garment)
    publish(user, output)
    clay(tee).images.get(code__startswith="tryon-").delete()
    publishing.unpublish([output], user=user)
    assert [name for name, _order in orders(tee)] == ["front", "back", "label"]


def test_our_own_shot_in_front_never_becomes_the_source_picture(tee, garment, user):
    publish(user, shot(garment), first=True)
    before = garment.sha256
    garments, _refused = sync_product(tee)
    assert garments[0].sha256 == before


def test_the_product_page_shows_the_badge_the_words_and_the_file_itself(tee, garment, user, client):
    output = shot(garment)
    publish(user, output)
    page = client.get(clay(tee).get_absolute_url()).content.decode()
    image = clay(tee).images.get(code__startswith="tryon-")
    assert image.original.url in page
    assert "Crew tee worn by a model, front view. AI-generated" in page
    assert page.count("tryon-badge") == 1


def test_the_list_shows_the_badge_and_thumbnails_that_keep_the_mark(clothes, tops, user, client):
    """The shop's own pictures are left as the thumbnailer makes them."""
    vest = Product.objects.create(product_class=clothes, title="Vest")
    vest.categories.add(tops)
    own = picture(vest, "#445566", 0)
    (garment,), _refused = sync_product(vest)
    publish(user, shot(garment), first=True)
    coat = Product.objects.create(product_class=clothes, title="Coat")
    get_model("catalogue", "ProductRecommendation").objects.create(primary=coat, recommendation=vest)
    page = client.get(coat.get_absolute_url()).content.decode()  # with the cards that every list has
    assert page.count("tryon-badge") == 1
    (listed,) = re.findall(r'product_pod.*?<img src="/media/([^"]+)"', page, re.S)
    assert is_marked((settings.MEDIA_ROOT / listed).read_bytes())
    ours = vest.images.get(code__startswith="tryon-")
    assert listed != ours.original.name
    for size in ("70x70", "200x200"):
        for image, marked in ((ours, True), (own, False)):
            small = get_thumbnailer().generate_thumbnail(image.original, size=size, upscale=False)
            with small.storage.open(small.name) as stream:
                data = stream.read()
            assert is_marked(data) is marked
            assert Image.open(BytesIO(data)).height <= int(size.partition("x")[2])

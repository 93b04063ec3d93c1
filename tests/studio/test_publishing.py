"""From an approved shot to the product gallery and back, through the catalog adapter of the demo shop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from tests.providers.fakes import jpeg
from tryon.errors import TryOnError
from tryon.images.disclosure import is_marked
from tryon.models import Garment, TryOnOutput, TryOnResult
from tryon.signals import shot_published
from tryon.studio import publishing
from tryon.studio.again import make_again
from tryon_shop.gallery import GalleryCatalog, between
from tryon_shop.models import GalleryImage, Product, ProductColour


class FailingCatalog(GalleryCatalog):
    """The second picture meets a fault."""

    def get_product(self, ref: str) -> Product | None:
        return Product.objects.filter(slug=ref).first()

    def publish(self, product: Any, output: TryOnOutput, alt: str, **kwargs: Any) -> dict[str, Any]:
        if GalleryImage.objects.exists():
            raise RuntimeError("the shop's database said no")
        return super().publish(product, output, alt, **kwargs)


@pytest.fixture(autouse=True)
def catalog(tryon_settings: Callable[..., None], instant: None) -> None:
    tryon_settings(CATALOG="tryon_shop.catalog.ShopCatalog")


@pytest.fixture
def colour(db: None) -> ProductColour:
    product = Product.objects.create(slug="tee", name="Crew tee", category="upper", price=10, sizes="S,M")
    colour = ProductColour(product=product, key="ink", name="Ink", swatch="#112233")
    colour.picture.save("tee.jpg", ContentFile(jpeg(100, 125)))
    return colour


@pytest.fixture
def shots(
    colour: ProductColour, make_garment: Callable[..., Garment], make_result: Callable[..., TryOnResult]
) -> Callable[[int], list[TryOnOutput]]:
    garment = make_garment("tee", variant="Ink", name="Crew tee")

    def make(number: int) -> list[TryOnOutput]:
        keys = [make_result(garment).outputs.get().pk for _ in range(number)]
        TryOnOutput.objects.filter(pk__in=keys).update(review="approved")
        found = TryOnOutput.objects.select_related("result__garment").in_bulk(keys)
        return [found[key] for key in keys]

    return make


def alts(colour: ProductColour) -> list[str]:
    return [shown.alt for shown in ProductColour.objects.get(pk=colour.pk).gallery]


def publish(outputs: list[TryOnOutput], user: User, *, first: bool = False) -> list[TryOnOutput]:
    named = {output.pk: f"alt {number}" for number, output in enumerate(outputs)}
    return publishing.publish(publishing.plan(outputs, alts=named, first=first), user=user)


# ---------------------------------------------------------------- the list before


def test_the_plan_says_which_picture_gets_which_position(shots, colour):
    one, two = shots(2)
    steps = publishing.plan([one, two])
    assert [(step.position, step.gallery) for step in steps] == [
        (2, ("Crew tee in Ink",)),
        (3, ("Crew tee in Ink", "new shot")),
    ]
    assert [step.position for step in publishing.plan([one, two], first=True)] == [1, 2]
    assert steps[0].alt == "Crew tee worn by a model, front view. AI-generated"
    TryOnResult.objects.filter(pk=two.result_id).update(note="Back view, on a beach")
    again = make_again(TryOnResult.objects.filter(pk=two.result_id), user=None, note="longer sleeves")
    upscaled = TryOnResult(operation="upscale", source=two, garment=one.result.garment)
    rows = [*again, upscaled, TryOnResult(operation="upscale", garment=one.result.garment)]
    assert [publishing.default_alt(TryOnOutput(result=row)) for row in rows] == [
        "Crew tee worn by a model, Back view, on a beach. AI-generated",
        "Crew tee worn by a model, front view. AI-generated",
        "Crew tee. Edited with AI",
    ]
    assert alts(colour) == ["Crew tee in Ink"]
    assert not TryOnOutput.objects.filter(published_at__isnull=False).exists()


def test_what_can_not_be_published_says_why(shots, mara):
    one, two, three, four = shots(4)
    one.review = "to_review"
    publish([two], mara)
    Product.objects.filter(slug="tee").update(slug="gone")
    problems = [step.problem for step in publishing.plan([one, two, three], alts={three.pk: " "})]
    problems += [step.problem for step in publishing.plan([four])]
    problems += [step.problem for step in publishing.plan([four], alts={four.pk: "x" * 301})]
    assert problems == [
        "It is not approved.",
        "It is published already.",
        "It needs an alternative text.",
        "The product is not in the shop, or shoppers may not see it.",
        "The alternative text is longer than 300 characters.",
    ]
    with pytest.raises(TryOnError, match="not approved"):
        publishing.publish(publishing.plan([one]), user=mara)


# ---------------------------------------------------------------- publishing


def test_the_gallery_shows_them_with_badge_and_mark(
    shots, colour, mara, client: Client, django_capture_on_commit_callbacks
):
    heard: list[TryOnOutput] = []
    shot_published.connect(lambda output, **kwargs: heard.append(output), weak=False, dispatch_uid="heard")
    with django_capture_on_commit_callbacks(execute=True):
        published = publish(shots(2), mara)
    shot_published.disconnect(dispatch_uid="heard")
    assert heard == published
    assert alts(colour) == ["Crew tee in Ink", "alt 0", "alt 1"]
    page = client.get(colour.get_absolute_url()).content.decode()
    assert page.count("AI-generated preview</span>") == 2
    assert 'alt="alt 1"' in page
    for image in GalleryImage.objects.all():
        assert image.picture.url in page
        with image.picture.open() as stream:
            assert is_marked(stream.read())
    for output in published:
        for file in (output.file, output.card, output.thumb):
            with file.open("rb") as stream:
                assert is_marked(stream.read())
    assert LogEntry.objects.filter(change_message="Published.").count() == 2


def test_a_shot_in_front_is_the_first_picture_of_the_page(shots, colour, mara, client):
    publish(shots(1), mara, first=True)
    page = client.get(colour.get_absolute_url()).content.decode()
    hero = page[page.index('<figure class="picture tryon-shot">') :]
    assert hero.index("alt 0") < hero.index("</figure>")
    assert hero.index("tryon-badge") < hero.index("</figure>")


def test_all_or_none(shots, mara, tryon_settings):
    tryon_settings(CATALOG="tests.studio.test_publishing.FailingCatalog")
    with pytest.raises(RuntimeError):
        publish(shots(2), mara)
    assert not GalleryImage.objects.exists()
    assert not TryOnOutput.objects.exclude(published_at=None).exists()
    assert not LogEntry.objects.exists()


def test_a_file_that_lost_its_mark_stays_private(shots, mara):
    (one,) = shots(1)
    one.file.storage.delete(one.file.name)
    one.file.storage.save(one.file.name, ContentFile(jpeg()))
    with pytest.raises(TryOnError, match="AI mark"):
        publish([one], mara)
    one.file.storage.delete(one.file.name)
    again = TryOnOutput.objects.select_related("result__garment").get()
    with pytest.raises(TryOnError, match="missing"):
        publish([again], mara)


def test_published_meanwhile_is_found_under_the_lock(shots, mara):
    (one,) = shots(1)
    steps = publishing.plan([one])
    publish([TryOnOutput.objects.select_related("result__garment").get(pk=one.pk)], mara)
    with pytest.raises(TryOnError, match="meanwhile"):
        publishing.publish(steps, user=mara)
    assert GalleryImage.objects.count() == 1


# ---------------------------------------------------------------- taking back


def test_unpublish_restores_the_former_order_in_whatever_order(shots, colour, mara, django_capture_on_commit_callbacks):
    """Every order of taking back of every way to put in."""
    outputs = shots(3)
    for way in itertools.product((False, True), repeat=3):
        for back in itertools.permutations(range(3)):
            expected = [alts(colour)]
            for output, first in zip(outputs, way, strict=True):
                publish([output], mara, first=first)
                expected.append(alts(colour))
            whole = expected[-1]
            for number in back:
                before = alts(colour)
                taken = GalleryImage.objects.get(pk=outputs[number].published_as["record"]["image"]).pk
                place = [image.pk for image in GalleryImage.objects.all()].index(taken)
                publishing.unpublish([outputs[number]], user=mara)
                outputs[number].refresh_from_db()
                assert len(alts(colour)) == len(before) - 1
                assert place >= 0
            assert alts(colour) == ["Crew tee in Ink"], (way, back, whole)
    with django_capture_on_commit_callbacks(execute=True):
        publish(outputs, mara)
        files = [(image.picture.storage, image.picture.name) for image in GalleryImage.objects.all()]
        assert len(publishing.unpublish(outputs, user=mara)) == 3
    assert alts(colour) == ["Crew tee in Ink"]
    assert not any(storage.exists(name) for storage, name in files)


def test_taking_one_back_leaves_the_others_where_they_are(shots, colour, mara):
    outputs = shots(4)
    publish(outputs, mara)
    publishing.unpublish([outputs[1]], user=mara)
    assert alts(colour) == ["Crew tee in Ink", "alt 0", "alt 2", "alt 3"]


def test_taking_back_what_is_gone_is_no_error(shots, colour, mara):
    outputs = shots(1)
    publish(outputs, mara)
    GalleryImage.objects.all().delete()
    Product.objects.all().delete()
    assert publishing.unpublish(outputs, user=mara) == [TryOnOutput.objects.get()]
    assert publishing.unpublish(outputs, user=mara) == []


@pytest.mark.parametrize(
    ("places", "index", "expected"),
    [([0.0], None, 1), ([0.0], 0, -1), ([0.0, 1.0], 1, 0.5), ([0.0, 1.0], 9, 2), ([-1.0, 0.0], 0, -2)],
)
def test_a_place_between_two(places, index, expected):
    assert between(places, index) == expected

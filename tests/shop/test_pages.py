from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.admin.conftest import make_result
from tests.providers.fakes import jpeg
from tryon.garments import sync_product
from tryon.models import Garment, TryOnOutput
from tryon.studio import stale
from tryon_shop.models import Product

__all__ = ["make_result"]

CSP = "Content-Security-Policy"
PAGES = [
    "/", "/shop/tops/", "/shop/dresses/", "/products/crew-tee/", "/products/crew-tee/navy-ecru/", "/bag/",
    "/size-guide/", "/about/", "/nowhere/",
]  # fmt: skip


class Page(HTMLParser):
    """What is wrong with a page: found faults, and the texts of its headings of the first level."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})
    SHAPES = frozenset({"circle", "path", "rect", "line", "polyline", "ellipse"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.headings = 0
        self.open: list[str] = []
        self.feed(text)
        self.close()
        if self.open:
            self.faults.append(f"never closed: {self.open}")
        self.faults += [f"id twice: {name}" for name in set(self.ids) if self.ids.count(name) > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in self.VOID | self.SHAPES:
            self.open.append(tag)
        if "style" in values or tag == "style" or (tag == "script" and "src" not in values):
            self.faults.append(f"inline style or script: {tag} {attrs}")
        self.faults += [f"inline handler: {name}" for name in values if name.startswith("on")]
        if tag == "img" and "alt" not in values:
            self.faults.append(f"no alt: {values.get('src')}")
        self.headings += tag == "h1"
        if values.get("id"):
            self.ids.append(str(values["id"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID | self.SHAPES:
            self.faults.append(f"self-closed: {tag}")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID | self.SHAPES:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"closed out of order: {tag} at {self.getpos()}")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_sound(client: Client, product: Product, path: str) -> None:
    sync_product(product)
    response = client.get(path)
    page = Page(response.content.decode())

    assert response.status_code == (404 if path == "/nowhere/" else 200)
    assert page.faults == []
    assert page.headings == 1
    assert "script-src 'self'; style-src 'self';" in response[CSP]


def test_pages_that_are_not_there(client: Client, product: Product) -> None:
    for path in ("/products/none/", "/products/crew-tee/pink/", "/shop/hats/"):
        assert client.get(path).status_code == 404


def test_a_department_holds_its_own_pieces_only(client: Client, product: Product) -> None:
    assert "Crew tee" in client.get("/shop/tops/").content.decode()
    assert "Crew tee" not in client.get("/shop/bottoms/").content.decode()


def test_a_product_without_a_picture_is_not_shown(client: Client, product: Product) -> None:
    Product.objects.create(slug="bare", name="Bare", category="upper", price=1, sizes="M")
    assert "Bare" not in client.get("/").content.decode()
    assert client.get("/products/bare/").status_code == 404


def test_the_list_asks_the_database_twice_however_long_it_is(
    client: Client, product: Product, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        copy = Product.objects.create(slug=f"p{number}", name=f"P{number}", category="full", price=1, sizes="M")
        copy.colours.create(key="x", name="X", swatch="#000000", picture="products/x.jpg")
    with django_assert_num_queries(2):
        client.get("/")


def test_the_colour_in_the_address_is_the_one_to_see_and_to_try(client: Client, product: Product) -> None:
    sync_product(product)
    text = client.get("/products/crew-tee/navy-ecru/?size=L").content.decode()
    assert 'alt="Crew tee in Navy / ecru"' in text
    assert 'data-variant="Navy / ecru"' in text
    assert 'value="L" required checked' in text
    assert 'for-form="add-to-bag"' in text


def test_without_a_garment_nothing_of_try_on_is_shown(client: Client, product: Product) -> None:
    text = client.get("/products/crew-tee/").content.decode()
    assert "<tryon-widget" not in text
    assert "No photo at hand?" not in text


def test_the_sample_portrait_is_a_picture_to_keep(client: Client) -> None:
    response = client.get("/sample-portrait.jpg")
    assert response["Content-Type"] == "image/jpeg"
    assert b"".join(response).startswith(b"\xff\xd8\xff")  # type: ignore[arg-type]


def test_the_try_on_pages_stand_in_the_shops_frame(client: Client, product: Product) -> None:
    sync_product(product)
    for path in ("/tryon/privacy/", "/tryon/try/crew-tee/"):
        response = client.get(path)
        text = response.content.decode()
        assert response.status_code == 200
        assert 'class="brand"' in text
        assert "tryon-page" in text
        assert Page(text).faults == []


def test_the_admin_may_use_inline_styles_but_no_inline_scripts(admin_client: Client) -> None:
    policy = admin_client.get("/admin/")[CSP]
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "script-src 'self';" in policy


def test_saving_a_product_in_the_admin_makes_its_garments(
    admin_client: Client, db: None, django_capture_on_commit_callbacks: Any, tmp_path: Path
) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(400, 500))
    with picture.open("rb") as upload, django_capture_on_commit_callbacks(execute=True):
        response = admin_client.post(
            "/admin/tryon_shop/product/add/",
            {
                "slug": "vest", "name": "Vest", "category": "upper", "price": "9.50", "sizes": "M",
                "colours-TOTAL_FORMS": "1", "colours-INITIAL_FORMS": "0", "colours-0-key": "red",
                "colours-0-name": "Red", "colours-0-swatch": "#ff0000", "colours-0-position": "0",
                "colours-0-picture": upload,
            },
        )  # fmt: skip
    assert response.status_code == 302
    assert Garment.objects.get().variant == "Red"


def test_a_colour_renamed_in_the_admin_is_the_same_garment_and_its_published_shots_are_stale(
    admin_client: Client, db: None, django_capture_on_commit_callbacks: Any, product: Product, make_result: Any
) -> None:
    """Navy gets another name; Clay is taken out of the shop, and what is published of it can only be taken back."""
    (clay, navy), _refused = sync_product(product)
    shots = [make_result(garment).outputs.get() for garment in (clay, navy)]
    TryOnOutput.objects.update(published_at=timezone.now())
    kept, gone = product.colours.get(name="Navy / ecru"), product.colours.get(name="Clay")
    form: dict[str, Any] = {
        "slug": product.slug, "name": product.name, "category": "upper", "price": "9.50", "sizes": "M",
        "colours-TOTAL_FORMS": "2", "colours-INITIAL_FORMS": "2", "colours-1-DELETE": "on",
    }  # fmt: skip
    for number, (colour, name) in enumerate([(kept, "Midnight"), (gone, "Clay")]):
        fields = {"id": colour.pk, "product": product.pk, "key": colour.key, "name": name, "swatch": "#000000"}
        form |= {f"colours-{number}-{field}": value for field, value in {**fields, "position": number}.items()}
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_client.post(f"/admin/tryon_shop/product/{product.pk}/change/", form).status_code == 302
    navy.refresh_from_db()
    assert (navy.variant, navy.active, Garment.objects.count()) == ("Midnight", True, 2)
    assert {output.pk for output in stale.stale()} == {shot.pk for shot in shots}
    page = admin_client.get("/admin/tryon/garment/stale/").content.decode()
    assert page.count("open the shot to unpublish it") == 1
    made = stale.remake(stale.stale().select_related("result__garment"), user=None)
    assert [row.garment for row in made] == [navy]


def test_static_files_can_be_collected_with_hashed_names(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    call_command("collectstatic", interactive=False, verbosity=0)
    names = [path.name for path in (tmp_path / "static" / "shop").iterdir()]
    assert {name for name in names if name.startswith("pages.")} > {"pages.css"}
    assert f"/static/shop/{next(name for name in names if name.startswith('pages.') and name != 'pages.css')}" in (
        client.get("/about/").content.decode()
    )

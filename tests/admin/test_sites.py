"""Other admin sites, other classes, no try-on URLs; and nothing a shopper or provider writes becomes markup."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from types import ModuleType

import pytest
from django.contrib.auth.models import Group

from tests.admin import sites
from tests.conftest import first
from tryon.catalog import ProductCatalog
from tryon.choices import Operation, Status
from tryon.models import Batch, Garment, TryOnResult
from tryon.studio import review

pytestmark = pytest.mark.urls("tests.admin.sites")

EVIL = """<script>alert(1)</script>"><img src=x onerror=alert(2)>'{{7*7}}"""


def test_a_shops_own_site_works_from_the_list_to_the_shots(admin_client, garment, preset_model, instant, make_result):
    page = admin_client.get("/house/tryon/garment/").content.decode()
    assert "tryon/admin.css" in page
    assert "house.css" in page
    answer = admin_client.post(
        "/house/tryon/garment/", {"action": "generate_shots", "index": "0", "_selected_action": garment.pk}
    )
    confirm = answer.content.decode()
    assert 'action="/house/tryon/garment/generate-shots/"' in confirm
    assert '"/admin/' not in confirm
    answer = admin_client.post(
        "/house/tryon/garment/generate-shots/", {"garments": garment.pk, "make": "1"}, follow=True
    )
    assert answer.redirect_chain[0][0].startswith("/house/tryon/batch/")
    assert '"/admin/' not in answer.content.decode()
    shot = make_result(garment, preset_model=preset_model)
    for path in ("/house/tryon/tryonresult/", f"/house/tryon/tryonresult/{shot.pk}/change/"):
        page = admin_client.get(path).content.decode()
        assert f"/house/tryon/tryonresult/picture/{shot.outputs.get().pk}/" in page
        assert "/fit/garments/" in page
        assert '"/admin/' not in page
    for path in ("presetmodel", "consent", f"garment/{garment.pk}/change", f"presetmodel/{preset_model.pk}/change"):
        page = admin_client.get(f"/house/tryon/{path}/")
        assert page.status_code == 200
        assert '"/admin/' not in page.content.decode()


def test_a_site_with_garments_only(admin_client, garment, preset_model, instant):
    assert admin_client.get("/bare/tryon/garment/").status_code == 200
    assert admin_client.get(f"/bare/tryon/garment/{garment.pk}/change/").status_code == 200
    answer = admin_client.post("/bare/tryon/garment/generate-shots/", {"garments": garment.pk, "make": "1"})
    assert answer.headers["Location"] == "/bare/tryon/garment/"
    assert TryOnResult.objects.count() == 1


def test_a_project_that_did_not_include_our_urls(admin_client, garment, preset_model, make_result, settings, instant):
    shot = make_result(garment, preset_model=preset_model)
    bare = ModuleType("tests.admin.urls_without_tryon")
    bare.urlpatterns = sites.without_tryon  # type: ignore[attr-defined]
    sys.modules[bare.__name__] = bare
    settings.ROOT_URLCONF = bare.__name__
    for path in ("garment/", f"garment/{garment.pk}/change/", "tryonresult/", f"tryonresult/{shot.pk}/change/"):
        page = admin_client.get(f"/house/tryon/{path}")
        assert page.status_code == 200
        assert "No picture" in page.content.decode()


class GroupCatalog(ProductCatalog):
    pass


def test_the_panel_on_a_shops_own_product(admin_client, make_garment, preset_model, make_result, instant):
    product = Group.objects.create(name="Crew tee")
    url = f"/house/auth/group/{product.pk}/change/"
    assert "No garment is linked to this product yet." in admin_client.get(url).content.decode()
    red, blue = make_garment(str(product.pk), variant="red"), make_garment(str(product.pk), variant="blue")
    shot = make_result(red, preset_model=preset_model)
    make_result(make_garment("another"), preset_model=preset_model, files=False)
    panel = re.search(
        r'<section class="module tryon-module tryon-panel".*?</section>', admin_client.get(url).content.decode(), re.S
    )[0]
    assert f"/house/tryon/tryonresult/{shot.pk}/change/" in panel
    assert f"garments={red.pk}%2C{blue.pk}" in panel
    assert panel.count("<li>") == 1


# ---------------------------------------------------------------- hostile text


class Markup(HTMLParser):
    """Finds what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_script = tag == "script"
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")
            if tag == "img" and name == "src" and value == "x":
                self.found.append("img src=x")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script and "alert(" in data:
            self.found.append(data)


def test_hostile_text_stays_text(admin_client, admin_user, garment, preset_model, make_result, consent, instant):
    Garment.objects.update(name=EVIL, product_ref=EVIL, variant=EVIL[:100], active=False)
    for name in ("name", "skin_tone", "size"):
        setattr(preset_model, name, EVIL[: preset_model._meta.get_field(name).max_length])
    preset_model.save()
    admin_user.username = EVIL
    admin_user.save()
    texts = {"provider": EVIL[:50], "engine_version": EVIL[:50], "error_detail": EVIL, "warnings": [EVIL]}
    failed = make_result(
        garment, Status.FAILED, preset_model=preset_model, requested_by=admin_user, error_code=EVIL[:50], **texts
    )
    tryon = make_result(garment, Status.FAILED, operation=Operation.TRY_ON.value, error_code="timed_out", **texts)
    brief = {"themes": [EVIL], "providers": [EVIL], "options": {EVIL: {EVIL: EVIL}}, "variants": EVIL}
    batch = Batch.objects.create(
        name=EVIL, operation="model_shot", brief=brief, created_by=admin_user, status="running"
    )
    own = {"batch": batch, "note": EVIL, "options": {"prompt": EVIL}}
    ready = make_result(garment, preset_model=preset_model, requested_by=admin_user, **own)
    make_result(garment, preset_model=preset_model, **own).outputs.update(review="approved", alt=EVIL)
    refused = make_result(garment, preset_model=preset_model, **own).outputs.get()
    review.make_link(batch, name=EVIL[:100], user=admin_user)
    review.reject([refused], review.Reviewer("x", EVIL), ["colour"])
    consent.text = consent.language = consent.channel = EVIL[:10]
    consent.providers = [EVIL]
    consent.save()
    paths = [
        "garment/",
        f"garment/{garment.pk}/change/",
        f"garment/generate-shots/?garments={garment.pk}",
        "presetmodel/",
        f"presetmodel/{preset_model.pk}/change/",
        "tryonresult/",
        f"tryonresult/?garment={garment.pk}",
        "tryonresult/?batch=" + EVIL,
        "batch/",
        f"batch/{batch.pk}/change/",
        "batch/review/",
        f"batch/review/?batch={batch.pk}&tab=rejected",
        "batch/decisions/",
        f"tryonresult/publish/?batch={batch.pk}",
        "tryonresult/?operation=try_on",
        f"tryonresult/{failed.pk}/change/",
        f"tryonresult/{ready.pk}/change/",
        f"tryonresult/{tryon.pk}/change/",
        f"tryonresult/{ready.pk}/delete/",
        "consent/",
        f"consent/{consent.pk}/change/",
    ]
    for path in paths:
        answer = admin_client.get(f"/house/tryon/{path}")
        assert answer.status_code == 200, path
        page = Markup()
        page.feed(answer.content.decode())
        assert page.found == [], path
    Garment.objects.update(active=True)
    answer = admin_client.post(
        "/house/tryon/garment/generate-shots/", {"garments": garment.pk, "make": "1"}, follow=True
    )
    page = Markup()
    page.feed(answer.content.decode())
    assert page.found == []


@pytest.mark.parametrize(("setting", "expected"), first(1, [("False", "False"), ("True", "True")]))
def test_registration_can_be_switched_off(setting, expected):
    code = f"""
import django
from django.conf import settings
from tests import settings as suite
values = {{name: getattr(suite, name) for name in dir(suite) if name.isupper()}}
settings.configure(**{{**values, "TRYON": {{**suite.TRYON, "ADMIN": {setting}}}}})
django.setup()
from django.contrib import admin
from tryon.models import Batch, Garment, TryOnResult
from tryon.studio import review
print(admin.site.is_registered(Garment) and admin.site.is_registered(TryOnResult))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected

"""Run by test_others.py in a process of its own: every page of the studio under django-unfold."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.admin.conftest import make_garment, make_result, queue  # noqa: F401 - fixtures
from tryon.models import Batch, TryOnOutput

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(garment, preset_model, make_result) -> list[str]:  # noqa: F811
    batch = Batch.objects.create(name="Autumn", operation="model_shot", blind=True, status="done")
    shot = make_result(garment, batch=batch, preset_model=preset_model)
    make_result(garment, batch=batch, preset_model=preset_model, provider="other")
    TryOnOutput.objects.filter(result=shot).update(published_at=timezone.now(), stale_at=timezone.now())
    return [
        "garment/",
        f"garment/{garment.pk}/change/",
        f"garment/{garment.pk}/tools/",
        f"garment/generate-shots/?garments={garment.pk}",
        "garment/casting/?shots=5",
        "garment/stale/",
        "presetmodel/",
        "tryonresult/",
        f"tryonresult/{shot.pk}/change/",
        "batch/",
        f"batch/{batch.pk}/change/",
        f"batch/{batch.pk}/compare/",
        "batch/standings/",
        "batch/review/",
    ]


def test_every_page_is_there_in_the_themes_frame(admin_client, pages):
    for address in pages:
        answer = admin_client.get(f"/admin/tryon/{address}", follow=True)
        html = answer.content.decode()
        assert answer.status_code == 200, address
        assert "unfold/css/styles.css" in html, address
        assert "tryon/admin.css" in html, address
        assert "tryon/unfold.css" in html, address


def test_the_lists_lead_to_our_pages(admin_client, pages, garment):
    assert "/admin/tryon/garment/casting/" in admin_client.get("/admin/tryon/garment/").content.decode()
    html = admin_client.get(f"/admin/tryon/garment/{garment.pk}/change/").content.decode()
    assert f"/admin/tryon/garment/{garment.pk}/tools/" in html

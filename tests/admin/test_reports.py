"""Reported pictures: listed without a picture, and taken down by who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from tests.storefront.conftest import a_result, add_output
from tryon import sharing
from tryon.models import ShareLink, Shopper, TryOnResult

LIST = "/admin/tryon/sharelink/"
LOOK = ("view_sharelink", "view_tryonresult")


@pytest.fixture
def links(garment: Any, shopper: Shopper) -> list[ShareLink]:
    """One that was reported, one that was not."""
    made = []
    for _ in range(2):
        row = a_result(shopper, garment)
        add_output(row)
        made.append(sharing.share(row).link)
    sharing.report(made[0])
    return made


def take_down(client: Any, *links: ShareLink) -> Any:
    return client.post(LIST, {"action": "take_down", "_selected_action": [link.pk for link in links]}, follow=True)


def test_only_what_was_reported_is_listed_and_no_picture(login, links):
    page = login(*LOOK).get(LIST).content.decode()
    rows = page[page.index('id="result_list"') :]
    assert links[0].output.result_id.hex[:8] in rows
    assert links[1].output.result_id.hex[:8] not in rows
    assert "/picture/" not in page


def test_taking_down_deletes_the_preview_and_is_written_down(login, links):
    client = login(*LOOK, "delete_sharelink")
    kept = links[1].output.result_id
    page = take_down(client, links[0]).content.decode()
    assert "1 preview is deleted." in page
    assert list(TryOnResult.objects.values_list("pk", flat=True)) == [kept]
    assert list(ShareLink.objects.values_list("pk", flat=True)) == [links[1].pk]
    assert LogEntry.objects.get().change_message == "Taken down after a report."


def test_who_may_only_look_takes_nothing_down(login, links):
    assert take_down(login(*LOOK), links[0]).status_code == 403
    assert ShareLink.objects.count() == 2


def test_what_was_not_reported_is_not_reached(login, links):
    take_down(login(*LOOK, "delete_sharelink"), links[1])
    assert ShareLink.objects.count() == 2


@pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
def test_nothing_is_added_or_deleted_by_a_form(login, links, path):
    client = login(*LOOK, "add_sharelink", "delete_sharelink")
    assert client.get(LIST + path.format(pk=links[0].pk)).status_code == 403


def test_a_link_goes_with_its_preview_elsewhere_in_the_admin(login, links):
    row = links[0].output.result_id
    client = login("view_tryonresult", "delete_tryonresult")
    assert client.post(f"/admin/tryon/tryonresult/{row}/delete/", {"post": "yes"}).status_code == 302
    assert not TryOnResult.objects.filter(pk=row).exists()

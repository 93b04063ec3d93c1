"""Parts of a picture, and its size without it."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from tests.api.test_access import a_shot
from tryon import links
from tryon.models import Garment
from tryon.storefront.ranges import part_of

BODY = bytes(range(100))


def ask(**headers: str) -> HttpResponse:
    request: HttpRequest = RequestFactory().get("/", headers=headers)
    return part_of(request, HttpResponse(BODY))


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=90-", 90, 99),
        ("bytes=-5", 95, 99),
        ("bytes=-500", 0, 99),
        ("bytes=50-500", 50, 99),
        ("bytes= 7 - 7 ", 7, 7),
    ],
)
def test_a_part(wanted: str, first: int, last: int) -> None:
    answer = ask(range=wanted)
    assert answer.status_code == 206
    assert answer.content == BODY[first : last + 1]
    assert answer["Content-Range"] == f"bytes {first}-{last}/100"
    assert answer["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", ["", "bytes=", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=--1", "bytes=٠-٩"])
def test_what_is_not_understood_gets_the_whole(wanted: str) -> None:
    answer = ask(range=wanted)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=500-600", "bytes=9-1", "bytes=-0"])
def test_what_is_not_there(wanted: str) -> None:
    answer = ask(range=wanted)
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer["Content-Range"] == "bytes */100"


def test_a_part_of_a_version_that_may_be_gone_is_the_whole() -> None:
    assert ask(**{"range": "bytes=0-1", "if-range": '"x"'}).status_code == 200


@pytest.mark.django_db
def test_pictures_behind_signed_links(client: Client, garment: Garment) -> None:
    url = links.picture_url(a_shot(garment), signed=True)
    whole = client.get(url)
    assert whole.status_code == 200
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == whole["Content-Length"] == str(len(whole.content))
    part = client.get(url, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    assert part["Cache-Control"] == "private, no-store"
    assert client.get(url.partition("?")[0], headers={"range": "bytes=2-5"}).status_code == 404

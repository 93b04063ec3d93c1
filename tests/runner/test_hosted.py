"""Rows carried through real adapters to a real server, and results fetched by their addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.providers.fakes import jpeg
from tryon import admission
from tryon.choices import Status
from tryon.images.disclosure import is_marked
from tryon.models import Garment, PresetModel, Shopper, TryOnResult
from tryon.runner.drain import Drain
from tryon.storage import result_storage
from tryon.testing import Canned, Seen, Server, serving

pytestmark = pytest.mark.django_db(transaction=True)
JOB = "job-1"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.tasks._enqueue", lambda: None)
    monkeypatch.setattr("tryon.runner.decide.FIRST_POLL_SECONDS", 0.01)
    monkeypatch.setattr("tryon.runner.decide.SHORTEST_POLL_SECONDS", 0.01)
    monkeypatch.setattr("tryon.runner.steps.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("tryon.runner.outcomes.LONGEST_PAUSE_SECONDS", 0.1)


Made = Callable[..., TryOnResult]


@pytest.fixture
def made(
    server: Server, tryon_settings: Callable[..., None], shopper: Shopper, garment: Garment, preset_model: PresetModel
) -> Made:
    """Try it on through one provider and give the row as it ended."""

    def run(backend: str, **options: Any) -> TryOnResult:
        base = {"api_key": "sk_canary", "base_url": server.url, "allow_private_hosts": True, "timeout": 5}
        tryon_settings(PROVIDERS={"hosted": {"BACKEND": f"tryon.providers.{backend}", "OPTIONS": {**base, **options}}})
        result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
        Drain(idle=0.0).run()
        result.refresh_from_db()
        return result

    return run


def fashn(server: Server, *files: Canned) -> Callable[[Seen], Canned]:
    """FASHN with one job that is done at the second question, and its file server answering in turn."""
    left = list(files)
    polls: list[str] = []

    def answer(seen: Seen) -> Canned:
        if seen.path == "/v1/run":
            return Canned(200, {"id": JOB, "error": None})
        if seen.path == f"/v1/status/{JOB}":
            polls.append(seen.path)
            done = len(polls) > 1
            output = [f"{server.url}/files/{len(polls)}.png?sig=canary"] if done else None
            return Canned(200, {"id": JOB, "status": "completed" if done else "processing", "output": output})
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def paths(server: Server, start: str) -> list[str]:
    return [seen.path for seen in server.seen if seen.path.startswith(start)]


PICTURE = Canned(200, jpeg(640, 800), {"Content-Type": "image/jpeg"})


def test_a_result_is_fetched_marked_and_stored(made: Made, server: Server) -> None:
    server.answers(fashn(server, PICTURE))
    result = made("fashn.FashnProvider")
    assert (result.status, result.error_code) == (Status.SUCCEEDED, "")
    assert (result.provider_job_id, result.engine_version) == (JOB, "fashn tryon-v1.6")
    output = result.outputs.get()
    assert (output.width, output.height) == (640, 800)
    with output.file.open("rb") as stream:
        assert is_marked(stream.read())
    assert len(server.posts) == 1


def test_an_address_that_has_run_out_is_asked_for_again(made: Made, server: Server) -> None:
    server.answers(fashn(server, Canned(403, b"expired"), PICTURE))
    result = made("fashn.FashnProvider")
    assert result.status == Status.SUCCEEDED
    assert paths(server, "/files/") == ["/files/2.png", "/files/3.png"], "the second try is at a fresh address"
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("canned", "tries", "why"),
    [
        (Canned(403, b"expired"), 3, "the address has run out (HTTP 403)"),
        (Canned(200, b"<html>gone</html>", {"Content-Type": "text/html"}), 3, "unsupported_image_format"),
        (Canned(200, jpeg()[:5000]), 3, "malformed_image"),
        (Canned(400), 1, "the file server failed (HTTP 400)"),
    ],
)
def test_what_is_paid_and_never_comes_is_said_so(
    canned: Canned, tries: int, why: str, made: Made, server: Server
) -> None:
    server.answers(fashn(server, canned))
    result = made("fashn.FashnProvider")
    assert (result.status, result.error_code) == (Status.FAILED, "provider_down")
    assert result.error_detail.startswith("paid but not fetched: ")
    assert why in result.error_detail
    assert "canary" not in result.error_detail
    assert len(paths(server, "/files/")) == tries
    assert len(server.posts) == 1
    folder = f"results/{result.pk.hex}"
    assert not result_storage().exists(folder) or result_storage().listdir(folder)[1] == []


def test_a_result_elsewhere_is_not_fetched(made: Made, server: Server) -> None:
    """localhost is where the server is, and still not a host that this provider delivers from."""
    elsewhere = f"http://localhost:{server.port}/files/x.png"
    server.answers(
        Canned(200, {"id": JOB, "error": None}), Canned(200, {"id": JOB, "status": "completed", "output": [elsewhere]})
    )
    result = made("fashn.FashnProvider")
    assert result.status == Status.FAILED
    assert "refused: the host is not one" in result.error_detail
    assert paths(server, "/files/") == []


def pixelcut(server: Server, *files: Canned) -> Callable[[Seen], Canned]:
    left = list(files)

    def answer(seen: Seen) -> Canned:
        if seen.path == "/v1/try-on":
            return Canned(200, {"result_url": f"{server.url}/files/x.jpg"})
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def test_an_answer_at_once_with_an_address(made: Made, server: Server) -> None:
    server.answers(pixelcut(server, Canned(500), Canned(drop=True), PICTURE))
    result = made("pixelcut.PixelcutProvider")
    assert result.status == Status.SUCCEEDED
    assert len(paths(server, "/files/")) == 3
    assert len(server.posts) == 1


def test_a_paid_result_waits_for_a_file_server_that_fails(made: Made, server: Server) -> None:
    failing = [Canned(500), Canned(503), Canned(429), Canned(drop=True), Canned(200, b"half", drop=True)]
    server.answers(pixelcut(server, *failing, *failing, PICTURE))
    result = made("pixelcut.PixelcutProvider")
    assert (result.status, result.error_code, result.fetching) == (Status.SUCCEEDED, "", [])
    assert len(paths(server, "/files/")) == 11
    assert len(server.posts) == 1


def test_not_for_ever(made: Made, server: Server, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(DEADLINE_SECONDS=1)
    server.answers(pixelcut(server, Canned(500)))
    result = made("pixelcut.PixelcutProvider")
    assert (result.status, result.error_code) == (Status.FAILED, "provider_down")
    assert result.error_detail == "paid but not fetched: the file server failed (HTTP 500)"
    assert len(paths(server, "/files/")) > 3
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("canned", "status", "code"),
    [
        (Canned(drop=True), Status.UNCERTAIN, "provider_down"),
        (Canned(500, b"<html>"), Status.UNCERTAIN, "provider_down"),
        (Canned(200, b"null"), Status.UNCERTAIN, "provider_down"),
        (Canned(429, {"error": "OutOfCredits", "message": "x"}), Status.FAILED, "config"),
        (Canned(422, {"error": "ContentModerationError"}), Status.BLOCKED, "content_blocked"),
        (Canned(400, {"error": "PoseError"}), Status.FAILED, "no_person"),
    ],
)
def test_refusals_end_the_row_after_one_request(
    canned: Canned, status: Status, code: str, made: Made, server: Server
) -> None:
    server.answers(canned)
    result = made("fashn.FashnProvider")
    assert (result.status, result.error_code) == (status, code)
    assert len(server.seen) == 1


def test_a_rate_limit_puts_the_row_back(made: Made, server: Server) -> None:
    server.answers(Canned(429, {"error": "RateLimitExceeded", "message": "x"}, {"Retry-After": "30"}))
    result = made("fashn.FashnProvider")
    assert result.status == Status.QUEUED
    assert len(server.seen) == 1

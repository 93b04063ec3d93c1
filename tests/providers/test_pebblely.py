"""Pebblely: a made-up model in a top."""

from __future__ import annotations

import base64
from typing import ClassVar

import pytest

from tryon.choices import Category, Operation
from tryon.providers.base import Charged, ImageInput, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.providers.pebblely import PebblelyProvider
from tryon.testing import GARMENT, JOB, PICTURE, Canned, HostedConformance, Server


class TestPebblely(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = PebblelyProvider

    def accepted(self, operation: Operation, version: str) -> Canned:
        return Canned(200, {"data": base64.encodebytes(PICTURE).decode(), "credits": 19})

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        return [(Canned(200, {"credits": 20}), 20.0)]

    def test_a_shot(self, server: Server) -> None:
        server.answers(self.accepted(Operation.MODEL_SHOT, "today"))
        submission = self.make(server).submit(self.request(Operation.MODEL_SHOT))
        assert (server.last.method, server.last.path) == ("POST", "/generate/virtual_pose")
        assert server.last.headers["content-type"] == "application/json"
        assert server.last.json == {
            "cloth_image": base64.b64encode(GARMENT).decode(),
            "prompt": "Black hair, beautiful female model posing in jeans",
            "negative_prompt": "",
            "height": 1024,
            "width": 1024,
        }
        assert submission.job_id is None
        assert [output.data for output in submission.outputs] == [PICTURE]
        assert submission.credits_used == 1.0

    def test_the_shoppers_photo_is_never_sent(self, server: Server) -> None:
        server.answers(self.accepted(Operation.MODEL_SHOT, "today"))
        provider = self.make(server)
        provider.submit(self.request(Operation.MODEL_SHOT, person=PICTURE))
        assert base64.b64encode(PICTURE) not in server.last.data
        assert not provider.can(Operation.TRY_ON)

    def test_a_public_picture_goes_by_its_address(self, server: Server) -> None:
        server.answers(self.accepted(Operation.MODEL_SHOT, "today"))
        garment = ImageInput.from_bytes(GARMENT, url="https://shop.example.com/tee.jpg")
        self.make(server).submit(self.request(Operation.MODEL_SHOT, garment=garment))
        assert server.last.json["cloth_image"] == "https://shop.example.com/tee.jpg"

    @pytest.mark.parametrize(
        ("options", "sent"),
        [
            ({"height": 512}, {"height": 512}),
            ({"width": 2048}, {"width": 2048}),
            ({"width": 512, "height": 768}, {"width": 512, "height": 768}),
            ({}, {"width": 1024, "height": 1024}),
        ],
    )
    def test_one_side_alone_makes_a_square(self, options: dict[str, int], sent: dict[str, int], server: Server) -> None:
        server.answers(self.accepted(Operation.MODEL_SHOT, "today"))
        self.make(server).submit(self.request(Operation.MODEL_SHOT, options=options))
        body = server.last.json
        assert {side: body[side] for side in ("height", "width") if side in body} == sent

    def test_tops_only(self, server: Server) -> None:
        provider = self.make(server)
        for category in (Category.LOWER, Category.FULL):
            assert not provider.can(Operation.MODEL_SHOT, category)
            assert (
                self.refused(provider, self.request(Operation.MODEL_SHOT, category=category)).code
                == "garment_unsuitable"
            )
        assert server.seen == []

    def test_a_result_that_is_no_base64(self, server: Server) -> None:
        for data in ("@@@", "", None, 7):
            server.answers(Canned(200, {"data": data, "credits": 3}))
            error = self.refused(self.make(server), self.request(Operation.MODEL_SHOT))
            assert (error.code, error.charged) == ("provider_down", Charged.YES)

    def test_credits_and_themes(self, server: Server) -> None:
        provider = self.make(server)
        assert isinstance(provider, PebblelyProvider)
        server.answers(Canned(200, {"credits": 20}))
        provider.balance()
        assert server.last.path == "/utils/credits"
        assert server.last.headers["x-pebblely-access-token"] == self.key
        server.answers(Canned(200, [{"label": "Streets", "thumbnail": "https://x.test/s.jpg"}, 7]))
        assert provider.themes() == [{"label": "Streets", "thumbnail": "https://x.test/s.jpg"}]
        assert server.last.path == "/utils/themes"
        server.answers(Canned(200, {"label": "Streets"}))
        with pytest.raises(ProviderError):
            provider.themes()

    def test_words_of_a_refusal(self, server: Server) -> None:
        for name in ("detail", "error", "message"):
            server.answers(Canned(413, {name: "Too big"}))
            error = self.refused(self.make(server), self.request(Operation.MODEL_SHOT))
            assert (error.code, error.params["limit"], "Too big" in error.detail) == ("file_size_too_large", 5, True)

    def test_there_are_no_jobs(self, server: Server) -> None:
        with pytest.raises(ProviderError):
            self.make(server).poll(JOB, operation=Operation.MODEL_SHOT)

"""The built-in engine behind the provider interface: the rules for every provider, and its own options."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from tests.conftest import first
from tests.local_engine.conftest import models, person_photos
from tests.local_engine.drawn import png, tee, unpack
from tryon import local_engine
from tryon.choices import Operation
from tryon.errors import TryOnError
from tryon.images.disclosure import is_marked, mark_ai
from tryon.images.intake import accept_output
from tryon.images.renditions import renditions
from tryon.providers.base import Provider, ProviderError, Submission, TryOnRequest
from tryon.providers.local import CHILD_RULES, MIN_CONFIDENCE, LocalProvider
from tryon.testing import ProviderConformance

__all__ = ["models", "person_photos"]
SHIRT = png(tee(background=(216, 206, 192)))


class TestLocal(ProviderConformance):
    backend: ClassVar[type[Provider]] = LocalProvider

    def provider(self, **settings: Any) -> Provider:
        return super().provider(**{"cache_dir": "", **settings})

    def request(self, operation: Operation, **changes: Any) -> TryOnRequest:
        """A drawn picture is no person: a mannequin stands for the shopper and for the model."""
        drawn: dict[str, Any] = {"garment": png(tee()), "picture": png(tee()), "mannequin": "f-m-tan"}
        return super().request(operation, **{**drawn, **changes})


def _shot(provider: LocalProvider, **changes: Any) -> Submission:
    usual: dict[str, Any] = {"operation": Operation.MODEL_SHOT, "garment": SHIRT, "mannequin": "f-m-tan"}
    return provider.submit(TryOnRequest(**{**usual, **changes}))


def _picture(submission: Submission) -> Any:
    (output,) = submission.outputs
    assert output.data is not None
    return unpack(output.data)


@pytest.fixture
def local(tmp_path: Path) -> LocalProvider:
    return LocalProvider("local", cache_dir=str(tmp_path / "garments"))


def test_a_submission_carries_confidence_and_version(models: None, local: LocalProvider) -> None:
    made = _shot(local, options={"size": 512})
    assert made.version == f"local {local_engine.ENGINE_VERSION}"
    assert made.confidence is not None
    assert made.confidence > 0.8
    assert len(list((local.cache_dir or Path()).glob("*.png"))) == 1, "the cut-out is kept for other processes"


@pytest.mark.parametrize(("size", "expected"), first(1, [(512, (512, 410)), (2048, (2048, 1638))]))
def test_a_shot_of_the_size_asked_for(models: None, local: LocalProvider, size: int, expected: tuple[int, int]) -> None:
    picture = _picture(_shot(local, options={"size": size}))
    assert picture.shape[:2] == pytest.approx(expected, abs=2)


def test_the_frame_of_a_shot(models: None, local: LocalProvider) -> None:
    usual, whole = (_picture(_shot(local, options={"size": 600, "frame": frame})) for frame in ("auto", "full"))
    assert usual.shape[1] / usual.shape[0] == pytest.approx(0.8, abs=0.01)
    assert whole.shape[1] / whole.shape[0] == pytest.approx(2 / 3, abs=0.01)


def test_colour_theme_own_picture_and_the_one_that_comes_with_the_request(models: None, tmp_path: Path) -> None:
    wall = np.full((300, 300, 3), (20, 160, 60), np.uint8)
    (tmp_path / "wall.png").write_bytes(png(wall))
    provider = LocalProvider("local", cache_dir="", backgrounds={"our wall": str(tmp_path / "wall.png")})
    corner: dict[str, Any] = {}
    for name, options in {
        "colour": {"background": "#5a78c8"},
        "theme": {"theme": "garden"},
        "own": {"theme": "our wall"},
    }.items():
        corner[name] = _picture(_shot(provider, options={"size": 512, **options}))[10, 10].astype(int)
    given = _shot(provider, options={"size": 512}, references={"background": png(wall[..., ::-1].copy())})
    corner["given"] = _picture(given)[10, 10].astype(int)
    assert corner["colour"] == pytest.approx([90, 120, 200], abs=18)
    assert corner["theme"][1] > corner["theme"][2] + 10, "a garden is green"
    assert corner["own"] == pytest.approx([20, 160, 60], abs=12)
    assert corner["given"] == pytest.approx([60, 160, 20], abs=12)
    with pytest.raises(ProviderError) as caught:
        _shot(provider, options={"theme": "the moon"})
    assert caught.value.code == "invalid"
    (tmp_path / "wall.png").unlink()
    with pytest.raises(ProviderError, match="FileNotFoundError") as caught:
        _shot(provider, options={"theme": "our wall"})
    assert str(tmp_path) not in caught.value.text


def test_a_cut_out_stays_transparent_on_its_way_into_the_shop(models: None, local: LocalProvider) -> None:
    request = TryOnRequest(operation=Operation.REMOVE_BACKGROUND, garment=SHIRT, options={"crop": True})
    (output,) = local.submit(request).outputs
    assert output.mime == "image/png"
    stored = mark_ai(accept_output(output.data or b""), provider="local")
    assert (stored.mime, is_marked(stored.data)) == ("image/png", True)
    picture = Image.open(io.BytesIO(stored.data))
    assert picture.mode == "RGBA"
    assert picture.getpixel((1, 1))[3] == 0  # type: ignore[index]
    card = Image.open(io.BytesIO(renditions(stored)["card"].data))
    assert card.getpixel((1, 1)) == (255, 255, 255)


def test_a_replaced_background_by_defaults_of_the_settings(models: None) -> None:
    provider = LocalProvider("local", cache_dir="", options={"theme": "plaster"})
    (output,) = provider.submit(TryOnRequest(operation=Operation.REPLACE_BACKGROUND, garment=SHIRT)).outputs
    corner = unpack(output.data or b"")[20, 20].astype(int)
    assert corner[0] > corner[2] + 20, "plaster is warm"


def test_the_shops_limits_reach_the_engine(models: None, person_photos: dict[str, bytes]) -> None:
    def code(**options: Any) -> str:
        with pytest.raises(TryOnError) as caught:
            LocalProvider("local", cache_dir="", **options).submit(
                TryOnRequest(person=person_photos["p11_astronaut"], garment=SHIRT)
            )
        return caught.value.code

    assert code() == "low_confidence"
    made = LocalProvider("local", cache_dir="", min_confidence=0).submit(
        TryOnRequest(person=person_photos["p11_astronaut"], garment=SHIRT)
    )
    assert made.confidence is not None
    assert made.confidence < MIN_CONFIDENCE


@pytest.mark.parametrize("options", [{"min_confidence": 2}, {"child_sized": "perhaps"}, {"min_confidence": -0.1}])
def test_a_wrong_setting_is_a_configuration_error(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match=next(iter(options))):
        LocalProvider("local", **options)


def test_rules_and_limits_are_the_engines() -> None:
    from tryon.local_engine import engine

    assert engine.CHILD_RULES == CHILD_RULES
    assert engine.MIN_CONFIDENCE == MIN_CONFIDENCE

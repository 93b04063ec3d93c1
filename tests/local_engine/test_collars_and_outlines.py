"""Outlines that looked torn or padded: open collars, necklines above labels, shoulders, gaps and pale checks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon.local_engine import garment as garments
from tryon.local_engine import person as persons
from tryon.local_engine.body import Body
from tryon.local_engine.compose import dress, visible_alpha
from tryon.local_engine.fit import fit_top
from tryon.local_engine.imaging import decode

DEMO = Path(__file__).resolve().parents[2] / "tryon_shop" / "demo_pictures"
POINT = (300, 196)  # where the leaves of the drawn collar meet
SHEET = (168, 168, 170)


def _cut(garment: garments.Garment) -> np.ndarray:
    """The line along which the inside of the back is cut away, without the frame above it."""
    assert garment.top is not None
    assert garment.top.inside_back is not None
    return garment.top.inside_back[1:-3]


def _bow(leg: np.ndarray) -> float:
    """How far a line strays from the straight one between its ends, as a share of its length."""
    chord = leg[-1] - leg[0]
    offset = leg - leg[0]
    return float(np.abs(chord[0] * offset[:, 1] - chord[1] * offset[:, 0]).max() / (chord @ chord))


@pytest.mark.parametrize("name", ["pique-polo-burgundy", "oxford-shirt-blue", "oxford-shirt-check"])
def test_the_leaves_of_a_collar_have_even_edges(name: str) -> None:
    cut = _cut(garments.analyse(decode((DEMO / f"{name}.jpg").read_bytes())[0], None, is_worn=False))
    lowest = int(cut[:, 1].argmax())
    assert 12 < lowest < len(cut) - 12
    for leg in (cut[: lowest + 1], cut[lowest:]):
        assert _bow(leg) < 0.14
        assert np.linalg.norm(np.diff(leg, 2, axis=0), axis=1).mean() < 1.0, "ragged"


@pytest.mark.parametrize("name", ["breton-top-ecru-navy", "breton-top-navy-ecru", "wrap-dress-poppy"])
def test_a_label_and_stripes_do_not_make_the_neckline_ragged(name: str) -> None:
    cut = _cut(garments.analyse(decode((DEMO / f"{name}.jpg").read_bytes())[0], None, is_worn=False))
    assert np.linalg.norm(np.diff(cut, 2, axis=0), axis=1)[2:-2].mean() < 1.0


def _polo(leaf: tuple[int, int, int], inside: tuple[int, int, int]) -> drawn.Picture:
    """A polo shirt: between the two leaves of its collar shows the inside of the back."""
    canvas = np.full((drawn.HEIGHT * 2, drawn.WIDTH * 2, 3), 255, np.uint8)

    def fill(points: list[tuple[int, int]], colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(canvas, [np.array(points) * 2], colour)

    fill([(240, 130), (165, 150), (85, 300), (147, 325), (170, 300), (175, 680), (425, 680), (430, 300), (453, 325),
          (515, 300), (435, 150), (360, 130)], leaf)  # fmt: skip
    fill([(252, 92), (348, 92), (362, 134), POINT, (238, 134)], inside)
    for mirror in (False, True):
        points = [(252, 92), (232, 134), (262, 205), POINT, (270, 150)]
        fill([(600 - x, y) if mirror else (x, y) for x, y in points], leaf)
    return np.asarray(cv2.resize(canvas, (drawn.WIDTH, drawn.HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(
    "inside", [(60, 62, 70), (163, 194, 221)], ids=["a dark lining", "only a shade darker than the leaves"]
)
def test_the_inside_between_the_leaves_of_a_collar_goes(inside: tuple[int, int, int]) -> None:
    garment = garments.analyse(_polo((170, 202, 230), inside), None, is_worn=False)
    shown = visible_alpha(garment)
    for x, y in ((300, 110), (300, 150), (300, 180), (280, 130), (320, 130)):
        assert shown[y, x] < 0.1, f"the inside shows at {x}, {y}"
    for x, y in ((300, 215), (258, 150), (342, 150), (270, 185), (330, 185)):
        assert shown[y, x] > 0.9, f"the collar is bitten at {x}, {y}"


def test_a_closed_collar_stays_closed() -> None:
    garment = garments.analyse(_polo((170, 202, 230), (170, 202, 230)), None, is_worn=False)
    assert garment.top is not None
    assert garment.top.collar is not None
    assert garment.top.inside_back is None


def _on_a_sheet(cloth: drawn.Picture, where: np.ndarray) -> drawn.Picture:
    """Cloth on a sheet with folds: too uneven to count as plain."""
    folds = np.random.default_rng(3).normal(0, 22, (drawn.HEIGHT, drawn.WIDTH)).astype(np.float32)
    sheet = np.array(SHEET, np.float32) + cv2.GaussianBlur(folds, (0, 0), 1.5)[..., None] * 1.7
    return np.where(where[..., None], cloth, sheet.clip(0, 255)).astype(np.uint8)


def test_a_gap_in_shadow_beside_a_sleeve_is_no_cloth() -> None:
    where = np.zeros((drawn.HEIGHT, drawn.WIDTH), np.uint8)
    body = [(250, 120), (350, 120), (430, 150), (500, 600), (440, 612), (432, 640), (168, 640), (160, 612), (100, 600),
            (170, 150)]  # fmt: skip
    cv2.fillPoly(where, [np.array(body)], 1)
    picture = _on_a_sheet(np.full((*where.shape, 3), (165, 45, 40), np.uint8), where > 0)
    gaps = np.zeros_like(where)
    for sign in (-1, 1):
        gap = [(118, 300), (126, 300), (134, 480), (128, 590), (120, 590), (124, 480)]
        cv2.fillPoly(gaps, [np.array([(300 + sign * x, y) for x, y in gap])], 1)
    picture[gaps > 0] = (112, 110, 110)
    cv2.circle(picture, (300, 300), 20, (235, 235, 235), -1)  # a print without a hue of its own
    alpha = garments.analyse(cv2.GaussianBlur(picture, (0, 0), 0.8), None, "upper", is_worn=False).alpha
    middle = cv2.erode(gaps, np.ones((5, 5), np.uint8)) > 0
    assert alpha[middle].mean() < 0.15
    assert alpha[400, 300] > 0.99
    assert alpha[285:315, 285:315].min() > 0.99, "the print stays"


def test_checks_in_the_colour_of_the_sheet_are_no_bites_and_no_holes() -> None:
    plain = drawn.tee()
    where = plain.min(-1) < 200
    cloth = np.full_like(plain, SHEET)
    for start in range(0, 800, 60):
        cloth[start : start + 30], cloth[:, start : start + 30] = (50, 62, 105), (50, 62, 105)
    seam = where & (cv2.erode(where.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0)
    cloth[seam] = (96, 100, 125)
    alpha = garments.analyse(_on_a_sheet(cloth, where), None, "upper", is_worn=False).alpha
    inner = cv2.erode(where.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert (alpha[inner] < 0.5).mean() < 0.01
    assert alpha[cv2.dilate(where.astype(np.uint8), np.ones((25, 25), np.uint8)) == 0].mean() < 0.01


@pytest.mark.parametrize("name", first(1, ["p06_longsleeve", "p01_tank_f"]))
def test_no_corner_stands_out_where_a_sleeve_meets_the_shoulder(
    models: None, person_photos: dict[str, bytes], garment_photos: dict[str, bytes], name: str
) -> None:
    person = persons.analyse(decode(person_photos[name])[0])
    garment = garments.analyse(decode(garment_photos["c03_tee_navy"])[0], None, is_worn=False)
    done = dress(person, garment)
    _, coverage = done.cloth()
    cloth = (coverage > 0.5).astype(np.uint8)
    size = int(0.11 * person.shoulder_width) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    rough = cv2.morphologyEx(cloth, cv2.MORPH_OPEN, kernel) != cv2.morphologyEx(cloth, cv2.MORPH_CLOSE, kernel)
    body, radius = Body(person), int(0.17 * person.shoulder_width)
    for limb in body.arms.values():
        x, y = (int(v) for v in limb.centre[0] + limb.normal[0] * limb.outer[0])
        there = rough[y - radius : y + radius, x - radius : x + radius]
        assert there.sum() < 0.0001 * person.shoulder_width**2, "a spike or a notch"


def test_the_body_is_as_wide_as_its_cloth_beside_a_bare_arm_on_tilted_shoulders(
    models: None, person_photos: dict[str, bytes]
) -> None:
    """The shoulders are not square to the spine; the forearm was sought inside the body, which lost a third."""
    body = Body(persons.analyse(decode(person_photos["p10_seated"])[0]))
    assert body.half_at("L", 0.65) > 0.5


def _round_neck(
    deep: float, inside: drawn.Picture, front: drawn.Picture, rib: tuple[int, int, int] | None = None
) -> tuple[drawn.Picture, np.ndarray]:
    """-> (T-shirt whose front is ``deep`` below the ends of its neck, the neckline's y per x there).

    Its inside back shows above the neckline, which is a parabola; ``rib``: colour of a ribbing 17 pixels wide below.
    """
    outline = np.array([(230, 120), (165, 150), (85, 300), (147, 325), (170, 300), (175, 680), (425, 680), (430, 300),
                        (453, 325), (515, 300), (435, 150), (370, 120)])  # fmt: skip
    x = np.arange(drawn.WIDTH)
    neck = 120 + deep * (1 - ((x - 300) / 70) ** 2)
    rows = np.arange(drawn.HEIGHT)[:, None]
    cloth = np.zeros((drawn.HEIGHT, drawn.WIDTH), np.uint8)
    back = np.array([(230, 120), *((x, 120 + 14 * (1 - ((x - 300) / 70) ** 2)) for x in range(232, 369)), (370, 120)])
    cv2.fillPoly(cloth, [np.vstack([back, outline[:0:-1]]).astype(np.int32)], 1)
    above = (rows < neck) & (abs(x - 300) < 70)
    picture = np.where(above[..., None], inside, front)
    if rib is not None:
        wide = 120 + (deep + 17) * (1 - ((x - 300) / 88) ** 2)
        picture[(rows < wide) & ~above & (abs(x - 300) < 88)] = rib
        picture[np.broadcast_to((rows < 132) & (abs(x - 300) < 70), above.shape)] = rib  # the back's own ribbing
    return np.where(cloth[..., None] > 0, picture, 255).astype(np.uint8), neck


def _striped(light: tuple[int, int, int], dark: tuple[int, int, int], tall: int) -> drawn.Picture:
    picture = np.full((drawn.HEIGHT, drawn.WIDTH, 3), light, np.uint8)
    for start in range(0, drawn.HEIGHT, 2 * tall):
        picture[start : start + tall] = dark
    return picture


def test_striped_cloth_keeps_the_ribbing_of_its_neck() -> None:
    dark, stripes = (60, 40, 60), _striped((225, 205, 180), (60, 40, 60), 12)
    picture, neck = _round_neck(52, (stripes * 0.93).astype(np.uint8), stripes, dark)
    shown = visible_alpha(garments.analyse(cv2.GaussianBlur(picture, (0, 0), 0.8), None, "upper", is_worn=False))
    for x in range(250, 351, 10):
        assert shown[int(neck[x]) + 9, x] > 0.9, f"the ribbing is cut away at {x}"
        assert shown[int(neck[x]) - 9, x] < 0.1, f"the inside shows at {x}"


def _white_tee() -> tuple[drawn.Picture, np.ndarray]:
    """White in white, with a label: its print is clear, the neckline that ends it is not. A print like it is in front.

    -> (picture, the neckline's y per x)
    """
    front, shade = np.full((drawn.HEIGHT, drawn.WIDTH, 3), 251, np.uint8), (240, 240, 242)
    inside = np.full_like(front, shade)
    cv2.putText(inside, "Brand", (275, 155), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 3)
    cv2.circle(front, (300, 320), 70, (40, 40, 40), -1)
    cv2.circle(front, (300, 300), 40, shade, -1)
    picture, neck = _round_neck(36, inside, front)
    picture[(picture == 255).all(-1)] = 222
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8), neck


def test_a_label_does_not_pull_a_faint_neckline_down() -> None:
    picture, neck = _white_tee()
    cut = _cut(garments.analyse(picture, None, "upper", is_worn=False))
    x, y = cut[abs(cut[:, 0] - 300) < 60].T
    assert np.ptp(y - np.interp(x, np.arange(drawn.WIDTH), neck)) < 3, "not parallel to the neckline"
    assert np.diff(np.diff(y) / np.diff(x)).max() < 0, "a notch: the line must bend one way only"


def test_a_stripe_in_the_colour_of_the_sheet_is_no_gap_below_the_shoulder() -> None:
    where = drawn.tee().min(-1) < 200
    cloth = np.full((*where.shape, 3), (50, 42, 60), np.uint8)
    for start in range(228, 660, 48):
        cloth[start : start + 14] = (188, 185, 177)  # paler than the sheet
    cloth[180:194] = SHEET
    seam = where & (cv2.erode(where.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0)
    cloth[seam] = (80, 72, 95)
    alpha = garments.analyse(_on_a_sheet(cloth, where), None, "upper", is_worn=False).alpha
    assert alpha[182:192, 200:400].min() > 0.9


@pytest.mark.parametrize("name", first(1, ["p01_tank_f", "p15_black_tee"]))
def test_a_round_neckline_stays_round_on_the_wearer(models: None, person_photos: dict[str, bytes], name: str) -> None:
    person = persons.analyse(decode(person_photos[name])[0])
    body, garment = Body(person), garments.analyse(_white_tee()[0], None, "upper", is_worn=False)
    assert garment.top is not None
    fit = fit_top(body, garment, garment.top)
    _, coverage = dress(person, garment).cloth()
    half = float(np.hypot(*(fit.neck["R"] - fit.neck["L"]))) / 2

    def depth(along: float) -> float:
        """Of the cloth's edge below the ends of the neck, ``along`` half neck widths beside the middle."""
        down = np.arange(-0.5, 1.0, 0.01)[:, None] * half
        x, y = (fit.neck_middle + body.across * along * half + body.down * down).T.round().astype(int)
        return float(down[(coverage[y, x] > 0.5).argmax(), 0])

    left, right, middle = depth(-0.5), depth(0.5), depth(0.0)
    assert abs(left - right) < 0.2 * middle, (left, right, middle)
    assert min(left, right) > 0.6 * middle, (left, right, middle)

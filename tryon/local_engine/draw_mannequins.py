"""Draw the mannequins that ship with the package: ``python -m tryon.local_engine.draw_mannequins [folder]``.

Light comes from the normals of the figure's height field; colour, base layer and backdrop are added here.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from .backdrop import PLAIN
from .catalogue import FOLDER
from .geometry import smoothstep, vec
from .imaging import Array, blur, encode_jpeg, push_pull, resize
from .joints import LEGS
from .mannequin import LIGHT_RANGE, fingerprint, place_on_backdrop
from .mannequin_shape import (
    DESIGNS,
    FINE,
    HEAD_TOP,
    HEIGHT,
    SOLE,
    TOP_MARGIN,
    TORSO,
    UNIT,
    WIDTH,
    Design,
    HeightField,
    figure,
    joints,
    limbs,
    torso_profile,
)  # fmt: skip

_NAMES = {"f": "Women's", "m": "Men's"}
_TONES = {
    "light": (238, 214, 198), "medium": (222, 184, 156), "tan": (196, 150, 116), "brown": (148, 104, 78),
    "dark": (104, 73, 57),
}  # fmt: skip


def _light(height: Array, inside: Array) -> Array:
    """Studio light on the height field: key from the upper left, sky, fill from the right, occlusion."""
    scale = UNIT * FINE
    solid = np.where(inside > 0, np.maximum(height, 0), 0).astype(np.float32)

    def inner_blur(sigma: float) -> Array:
        return blur(solid * inside, sigma) / np.maximum(blur(inside, sigma), 1e-3)

    surface = inner_blur(0.026 * scale)
    slope_x = cv2.Sobel(surface, cv2.CV_32F, 1, 0, ksize=5) / 128 * scale
    slope_y = cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=5) / 128 * scale
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)

    def lit(x: float, y: float, z: float) -> Array:
        direction = np.array([x, y, z], np.float32) / np.float32(np.sqrt(x * x + y * y + z * z))
        return np.asarray(np.clip((normal @ direction + 0.25) / 1.25, 0, 1))

    sky = 0.5 - 0.5 * normal[..., 1]
    shade = 0.20 + 0.60 * lit(-0.55, -0.5, 0.75) + 0.12 * lit(0.8, -0.1, 0.5) + 0.14 * sky
    shade *= 1 - 0.20 * (1 - normal[..., 2]) ** 2.5
    for sigma, depth in ((0.05, 0.7), (0.12, 0.5)):
        buried = np.clip(blur(solid, sigma * scale) - solid - 0.01, 0, 0.3)
        shade *= 1 - depth * buried
    half_way = lit(-0.28, -0.32, 0.95)
    return np.asarray(shade + 0.07 * half_way**24)


def _base_layer(field: HeightField, design: Design) -> Array:
    """Where the figure wears its fitted shorts (with a strapless top on the "f" bodies), 0 to 1."""
    soft = 1.5 / (UNIT * FINE)
    torso = np.interp(field.y, *torso_profile(design))
    away = field.away
    on_torso = away < torso + np.where(field.y < 0.9, -0.010, 0.035 * np.clip((field.y - 1.1) * 4, 0, 1))
    leg_end = TORSO + 0.46 - 0.05 * away
    start = 0.275 + 0.02 * np.cos(np.pi * away / 0.21) if design.body == "f" else 1.06 - 0.06 * away
    covered = smoothstep(start - soft, start + soft, field.y)
    covered = covered * (1 - smoothstep(leg_end - soft, leg_end + soft, field.y))
    covered = covered * (1 - field.arm)
    return np.asarray(covered * (on_torso | (field.y > TORSO + 0.2) & (away < 0.62 * design.limb)))


def draw(design: Design) -> tuple[Array, Array, Array]:
    """-> (RGBA uint8, light factor for cloth float32, arm mask float32), final size."""
    field = figure(design)
    height = field.height
    inside = (height > 0).astype(np.float32)
    shade = _light(height, inside)
    reference = float(np.percentile(shade[inside > 0], 85))
    shade = shade / reference
    tone = np.array(_TONES[design.tone], np.float32)
    cloth = 0.35 * tone + 0.65 * np.array([206, 202, 198], np.float32) * (0.50 + 0.45 * float(tone.mean()) / 255)
    layer = _base_layer(field, design)[..., None]
    edge = np.clip(blur(layer[..., 0], 3.0) * (1 - layer[..., 0]) * 2, 0, 1)
    colour = tone * (1 - layer) + cloth * layer
    warm = np.array([1.0, 0.93, 0.88], np.float32)  # shadows on skin turn warm
    depth = np.clip(1 - shade, 0, 1)[..., None]
    tinted = colour * np.clip(shade, 0.15, 1.12)[..., None] * (1 - depth * (1 - warm) * (1 - layer))
    tinted *= (1 - 0.10 * edge)[..., None]
    known = inside[..., None]
    bled = tinted * known + push_pull(tinted, inside) * (1 - known)
    shape = (HEIGHT, WIDTH)
    alpha = resize(blur(inside, 0.8), shape)
    picture = np.clip(resize(bled.astype(np.float32), shape), 0, 255)
    rgba = np.dstack([picture, alpha * 255]).round().astype(np.uint8)
    return rgba, _cloth_light(height, inside, shade, shape), resize(field.arm * inside, shape)


def _cloth_light(height: Array, inside: Array, shade: Array, shape: tuple[int, int]) -> Array:
    """Light as it falls on cloth, which bridges the hollows of the body."""
    scale = UNIT * FINE
    ys = np.arange(height.shape[0]) / scale - (TOP_MARGIN / UNIT - HEAD_TOP)
    bridged = blur(shade * inside, 0.09 * scale) / np.maximum(blur(inside, 0.09 * scale), 1e-3)
    wide = blur(shade * inside, 0.20 * scale) / np.maximum(blur(inside, 0.20 * scale), 1e-3)
    hips = np.exp(-(((ys - TORSO - 0.15) / 0.35) ** 2))[:, None].astype(np.float32)
    lit = np.clip(0.24 + 0.76 * (bridged * (1 - hips) + wide * hips), 0.5, 1.08)
    known = cv2.erode(inside, np.ones((5, 5), np.uint8))
    beyond = push_pull(np.repeat(lit[..., None], 3, 2), known)[..., 0]
    out: Array = resize((lit * known + beyond * (1 - known)).astype(np.float32), shape)
    return out


def _entry(design: Design) -> dict[str, object]:
    """The figure's row of figures.json; lengths in pixels of the full-size picture."""
    origin = np.array([WIDTH / 2, TOP_MARGIN - HEAD_TOP * UNIT])
    ys, half = torso_profile(design)
    stand = limbs(design)
    half = np.where(ys > 1.40, np.interp(1.40, ys, half), half)  # below the hips the thighs make the outline
    return {
        "key": design.key, "name": f"{_NAMES[design.body]} mannequin {design.size}, {design.tone}", "size": design.size,
        "skin_tone": design.tone, "body": design.body, "kind": "full", "pose": design.pose,
        "width": WIDTH, "height": HEIGHT, "unit": UNIT,
        "shoulder_centre": origin.tolist(), "torso": TORSO * UNIT,
        "floor": float(origin[1] + (max(foot.ankle[1] for foot in stand.values()) + SOLE - 0.03) * UNIT),
        "feet": [
            [round(float(origin[0] + LEGS[side].sign * (foot.ankle[0] + 0.5 * foot.foot_turn) * UNIT), 1),
             round(float(origin[1] + (foot.ankle[1] + SOLE - 0.03) * UNIT), 1), round(0.115 * UNIT, 1)]
            for side, foot in stand.items()
        ],
        "joints": (joints(design) * UNIT + origin).round(1).tolist(),
        "torso_profile": {"axial": (ys[::11] / TORSO).round(4).tolist(), "half_width": half[::11].round(4).tolist()},
        "head": {"width": 0.52 * UNIT, "height": 0.74 * UNIT, "chin": (origin + vec(0, -0.39 * UNIT)).tolist(),
                 "centre": (origin + vec(0, -0.76 * UNIT)).tolist()},
    }  # fmt: skip


def write(design: Design, folder: Path) -> dict[str, object]:
    """Write the files of one figure and return its row."""
    rgba, light, arms = draw(design)
    entry = _entry(design)
    picture = place_on_backdrop(rgba, PLAIN, entry)
    entry["fingerprint"] = base64.b64encode(fingerprint(picture).tobytes()).decode()
    (folder / f"{design.key}.jpg").write_bytes(encode_jpeg(picture))
    half = (HEIGHT // 2, WIDTH // 2)
    maps = np.dstack([np.zeros(half), resize(arms, half) * 255, resize(light, half) / LIGHT_RANGE * 255])
    maps = np.clip(maps, 0, 255).round().astype(np.uint8)
    for name, content, quality in (
        (f"{design.key}.webp", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), 92),
        (f"{design.key}-maps.webp", maps, 94),
    ):
        cv2.imwrite(str(folder / name), content, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return entry


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [write(design, folder) for design in DESIGNS]
    (folder / "figures.json").write_text(json.dumps(rows, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

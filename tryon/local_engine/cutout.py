"""Product photo -> alpha of the garment. Transparent PNG, plain background, or moderately textured background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tryon.errors import TryOnError

from .imaging import (
    Array,
    blur,
    closing,
    components,
    connected_to,
    dilate,
    ellipse,
    erode,
    fills_border,
    grab_cut,
    grey,
    guided_filter,
    largest_component,
    opening,
    push_pull,
    resize,
    to_lab,
)  # fmt: skip

TRANSPARENT_SHARE = 0.05  # of the pixels: from here on the file's own alpha is used
PLAIN_NOISE = 3.0  # background noise in Lab units up to which a background counts as plain
BUSY_NOISE = 13.0  # and from which it cannot be told from the garment
_GRAB_CUT_SIDE = 480
_LARGEST_SPOT = 0.008  # of a garment's area
_SMALLEST_GAP = 0.0012  # of a garment's area
_SPOTTED = 0.08  # share of a garment's inside that looks like the ground, from which it counts as spotted


@dataclass(slots=True)
class _Backdrop:
    difference: Array  # Lab difference to the background, (h, w, 3)
    distance: Array  # its weighted length
    edges: Array  # gradient magnitude
    plain: bool
    threshold: float

    @property
    def alike(self) -> Array:
        return self.distance < self.threshold * 1.3


def cut_out(picture: Array, alpha: Array | None) -> tuple[Array, bool]:
    """-> (float32 alpha, whether the outline is certain). Raises TryOnError garment_unsuitable."""
    if alpha is not None and float((alpha < 250).mean()) > TRANSPARENT_SHARE:
        mask = _tidy((alpha > 127).astype(np.uint8), None)
        return (alpha.astype(np.float32) / 255 * dilate(mask, 2)).astype(np.float32), True
    backdrop = _backdrop(picture)
    flooded = _flood(backdrop)
    mask = flooded if backdrop.plain else _with_pale_spots(_grab_cut(picture, flooded, backdrop), flooded, backdrop)
    mask = _without_shadow(mask, backdrop)
    gaps = _gaps_in_shadow(mask, backdrop)
    mask = _open_lateral_gaps(mask * ~gaps, backdrop)
    mask = _mend_outline(_tidy(mask, backdrop.alike | gaps), backdrop)
    return _soft_edge(picture, mask, backdrop), backdrop.plain


def _soft_edge(picture: Array, mask: Array, backdrop: _Backdrop) -> Array:
    """float32 alpha: the outline without its pixel noise, about two pixels soft."""
    side = max(mask.shape)
    core = _core(mask)
    spotted = bool(core.any()) and float((backdrop.distance < backdrop.threshold * 1.3)[core].mean()) > 0.04
    mask = _without_rim(mask, backdrop, core)
    if spotted:  # pale spots at the edge keep a rim of ground that dark ones do not
        mask = opening(mask, ellipse(int(0.035 * side) | 1)) | erode(mask, max(1, int(0.005 * side)))
    sigma = (0.007 if spotted else 0.0022 if backdrop.plain else 0.0045) * side
    even = blur(mask.astype(np.float32), max(1.0, sigma))
    thin = (
        blur(opening(mask, ellipse(int(4 * sigma) | 1)).astype(np.float32), 2 * sigma) < 0.3
    )  # straps stay as they are
    even = np.where(thin & (mask > 0), np.maximum(even, mask * 0.9), even)
    crisp = np.clip((blur((even > 0.5).astype(np.float32), 0.9) - 0.36) / 0.5, 0, 1)
    if not backdrop.plain or spotted:
        return crisp.astype(np.float32)
    fitted = np.clip((guided_filter(grey(picture), (even > 0.5).astype(np.float32), 2, 1e-4) - 0.15) / 0.7, 0, 1)
    return np.minimum(crisp, np.maximum(fitted, blur(erode(mask, 2).astype(np.float32), 0.8))).astype(np.float32)


def _without_rim(mask: Array, backdrop: _Backdrop, core: Array) -> Array:
    """Take the ground's own colours away from the edge and out of narrow gaps, where the garment has none of them.

    From a garment of a clear hue also hangers, rails and shadows, which have the ground's hue in every lightness.
    """
    outside = mask == 0
    if not core.any():
        return mask
    ground = backdrop.distance < backdrop.threshold * (1.0 if backdrop.plain else 1.5)
    near = dilate(outside, max(2, int(0.012 * max(mask.shape)))) > 0
    found = np.zeros(mask.shape, bool)
    if ground[core].mean() <= 0.03:
        found |= ground & near
    else:  # a garment with pale stripes or spots has the ground's colours: these reach in, a rim of ground does not
        found |= _only_near(ground & (mask > 0), near)
    hue = np.hypot(backdrop.difference[..., 1], backdrop.difference[..., 2])
    if not backdrop.plain and (hue < 12)[core].mean() <= 0.03:
        found |= opening(hue < 8, np.ones((3, 3), np.uint8)) > 0
    kept = (mask > 0) & ~connected_to(found | outside, outside)
    return opening(kept, ellipse(3))


def _only_near(ground: Array, near: Array) -> Array:
    """The regions of ``ground`` that lie altogether in ``near``."""
    count, labels, _ = components(ground)
    inner = np.bincount(labels[~near].reshape(-1), minlength=count)
    alone = inner == 0
    alone[0] = False
    return np.asarray(alone[labels])


def _backdrop(picture: Array) -> _Backdrop:
    height, width = picture.shape[:2]
    lab = to_lab(cv2.GaussianBlur(picture, (3, 3), 0)).astype(np.float32)
    border = max(3, int(0.025 * max(height, width)))
    ring = np.ones((height, width), bool)
    ring[border:-border, border:-border] = False
    background, noise = _fit_background(lab, ring)
    if noise > BUSY_NOISE:
        raise TryOnError(
            "garment_unsuitable", f"the background is too busy (noise {noise:.0f}, limit {BUSY_NOISE:.0f})"
        )
    difference = lab - background
    weighted = difference * np.array([0.7, 1.265, 1.265], np.float32)
    plain = noise < PLAIN_NOISE
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    edges = np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3))
    threshold = max(2.2, 3.2 * noise) if plain else max(9.0, 2.6 * noise)
    backdrop = _Backdrop(difference, np.sqrt((weighted**2).sum(-1)), edges, plain, threshold)
    if plain:  # edges show where white cloth ends on a white ground
        backdrop.edges = np.where(edges > max(14.0, 6 * noise + 10), edges, np.minimum(edges, 13.9))
    return backdrop


def _fit_background(lab: Array, ring: Array) -> tuple[Array, float]:
    """Robust quadratic surface per channel through the border ring -> (background, median residual)."""
    height, width = ring.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1)
    rows, values = basis[ring][::5].astype(np.float64), lab[ring][::5].astype(np.float64)
    weight = 1 / (1 + (np.linalg.norm(values - np.median(values, 0), axis=1) / 12) ** 2)
    ridge = 1e-3 * len(rows) * np.diag([0.0, 1, 1, 1, 1, 1])
    residual = np.zeros(len(rows))
    coefficients = np.zeros((6, 3))
    for _ in range(6):
        weighted = (rows * weight[:, None]).T
        coefficients = np.linalg.solve(weighted @ rows + ridge, weighted @ values)
        residual = np.linalg.norm(values - rows @ coefficients, axis=1)
        weight = 1 / (1 + (residual / max(0.8, float(np.median(residual)) * 1.5)) ** 2) ** 1.5
    return (basis @ coefficients.astype(np.float32)).astype(np.float32), float(np.median(residual))


def _flood(backdrop: _Backdrop) -> Array:
    """Foreground = what a flood over background-like pixels from the border does not reach."""
    cloth = backdrop.distance > backdrop.threshold
    if backdrop.plain:
        cloth |= backdrop.edges >= 14.0
    filled = np.pad(closing(cloth, ellipse(5)), 1)
    flood_mask = np.zeros((filled.shape[0] + 2, filled.shape[1] + 2), np.uint8)
    cv2.floodFill(filled, flood_mask, (0, 0), 2)
    return opening(filled[1:-1, 1:-1] != 2, ellipse(5))


def _without_shadow(mask: Array, backdrop: _Backdrop) -> Array:
    """Remove the soft shadow on the ground: the ground's hue, darker, connected to the outside."""
    side = max(mask.shape)
    core = _core(mask)
    if not core.any():
        return mask
    difference = backdrop.difference
    room = 1.0 if backdrop.plain else 1.35  # a sheet has more than one colour
    shadow = (np.abs(difference[..., 1]) < 4 * room) & (np.abs(difference[..., 2]) < 6 * room)
    shadow &= (difference[..., 0] < (4 if backdrop.plain else 14)) & (difference[..., 0] > -75)
    median = np.median(difference[core], 0)
    grey_cloth = abs(median[1]) + abs(median[2]) < 9 * room and median[0] > -110
    if grey_cloth or shadow[core].mean() >= 0.2:  # the garment itself looks like a shadow
        return mask
    outside = mask == 0
    removed = connected_to((shadow & (mask > 0)) | outside, outside)
    if (removed & (mask > 0)).sum() > 0.10 * mask.sum():  # that would eat a pale part of the garment
        near = cv2.distanceTransform(mask, cv2.DIST_L2, 3) < 0.05 * side
        faint = (backdrop.edges < 13) | (backdrop.distance < backdrop.threshold)
        removed = connected_to((shadow & (mask > 0) & faint & near) | outside, outside)
    return opening((mask > 0) & ~removed, ellipse(5))


def _grab_cut(picture: Array, mask: Array, backdrop: _Backdrop) -> Array:
    height, width = mask.shape
    scale = min(1.0, _GRAB_CUT_SIDE / max(height, width))
    shape = (max(1, int(height * scale)), max(1, int(width * scale)))
    side = max(shape)
    distance = resize(backdrop.distance, shape)
    first = largest_component(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST))
    trimap = np.where(first > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[erode(first, max(3, int(0.03 * side))) > 0] = cv2.GC_FGD
    trimap[dilate(first, max(4, int(0.05 * side))) == 0] = cv2.GC_BGD
    border = max(2, int(0.015 * side))
    ring = np.ones(shape, bool)
    ring[border:-border, border:-border] = False
    trimap[ring & (distance < backdrop.threshold * 1.5)] = cv2.GC_BGD
    cut = grab_cut(resize(picture, shape), trimap, 4)
    if cut is not None and cut.sum() > 0.25 * first.sum():
        first = cut.astype(np.uint8)
    first = cv2.medianBlur(first, 5)
    full = cv2.resize(first.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((full > 0.5).astype(np.uint8))


def _core(mask: Array) -> Array:
    """bool: the garment well inside its outline, whose colours are surely its own."""
    return np.asarray(erode(mask, max(3, int(0.03 * max(mask.shape)))) > 0)


def _spotted(core: Array, backdrop: _Backdrop) -> bool:
    """Whether much of the garment's inside looks like the ground: pale spots, checks or stripes."""
    return bool(core.any()) and float(backdrop.alike[core].mean()) > _SPOTTED


def _with_pale_spots(mask: Array, flooded: Array, backdrop: _Backdrop) -> Array:
    """A garment with spots or checks in the ground's colour gets those back that GrabCut bit out of its outline.

    The flood has them, it does not leak through the lines around them; but it also has shadows, which lie outside.
    """
    side = max(mask.shape)
    core = _core(mask)
    if not _spotted(core, backdrop):
        return mask
    quarter = (max(1, mask.shape[0] // 4), max(1, mask.shape[1] // 4))
    hull = closing(cv2.resize(mask, quarter[::-1], interpolation=cv2.INTER_NEAREST), ellipse(int(0.025 * side) | 1))
    hull = cv2.resize(hull, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_NEAREST) > 0
    lost = opening((flooded > 0) & (mask == 0), ellipse(int(0.011 * side) | 1))
    count, labels, stats = components(lost)
    area, mended = float(mask.sum()), mask.copy()
    for i in range(1, count):
        spot = labels == i
        if stats[i, 4] < _LARGEST_SPOT * area and hull[spot].mean() > 0.4:
            mended[spot] = 1
    return closing(mended, ellipse(int(0.011 * side) | 1))


def _gaps_in_shadow(mask: Array, backdrop: _Backdrop) -> Array:
    """bool: tall gaps beside the body where the uneven ground keeps its hue, but is darker than elsewhere."""
    nothing = np.zeros(mask.shape, bool)
    core = _core(mask)
    hue = np.hypot(backdrop.difference[..., 1], backdrop.difference[..., 2])
    if backdrop.plain or not core.any() or (hue < 12)[core].mean() > 0.05:  # the garment itself has this hue
        return nothing
    ground = (hue < np.clip(0.5 * np.percentile(hue[core], 8), 8, 16)) & (mask > 0)
    _, labels, stats = components(opening(ground, np.ones((3, 3), np.uint8)))
    gaps = _like_gaps(stats, mask, 0.13)[labels]
    return connected_to(ground | gaps, gaps) if gaps.any() else nothing


def _like_gaps(stats: Array, mask: Array, least: float) -> Array:
    """bool per component: it is tall, narrow and beside the middle; ``least`` of the garment's height."""
    ys, xs = np.nonzero(mask)
    left, right, tall, area = xs.min(), xs.max(), np.ptp(ys), float(mask.sum())
    x, _, width, height, size = stats[:, :5].T
    lateral = np.abs(x + width / 2 - (left + right) / 2) > 0.18 * (right - left)
    upright = (height > least * tall) & (height > 1.6 * width)
    found = upright & lateral & (size >= _SMALLEST_GAP * area) & (size < 0.06 * area)
    found[0] = False  # what lies around
    return np.asarray(found)


def _open_lateral_gaps(mask: Array, backdrop: _Backdrop) -> Array:
    """Clear closed background-like holes; on a garment with many pale spots only tall ones beside the body."""
    core = _core(mask)
    if not core.any():
        return mask
    alike = (backdrop.distance < backdrop.threshold * 1.15) & (mask > 0)
    _, labels, stats = components(opening(alike, np.ones((3, 3), np.uint8)))
    if _spotted(core, backdrop):
        gaps = _like_gaps(stats, mask, 0.3)  # the pale columns of a check are short, pale stripes lie across
    else:
        gaps = stats[:, 4] >= _SMALLEST_GAP * float(mask.sum())
        gaps[0] = False
    return np.where(gaps[labels], 0, mask).astype(mask.dtype)


def _mend_outline(mask: Array, backdrop: _Backdrop) -> Array:
    """Fill small notches where a pattern in the background's colour (white flowers, stripes) reaches the outline."""
    core = _core(mask)
    if not core.any() or (backdrop.distance < backdrop.threshold * 1.3)[core].mean() < 0.04:
        return mask
    ys, xs = np.nonzero(mask)
    side = max(int(np.ptp(xs)), int(np.ptp(ys)))
    closed = closing(np.pad(mask, side // 20), ellipse(max(5, int(0.035 * side) | 1)))
    inset = side // 20
    closed = closed[inset : closed.shape[0] - inset, inset : closed.shape[1] - inset]
    mended = mask.copy()
    count, labels, stats = components((closed > 0) & (mask == 0))
    for i in range(1, count):
        if stats[i, 4] < 0.003 * len(xs) and max(stats[i, 2], stats[i, 3]) < 0.07 * side:
            mended[labels == i] = 1
    return mended


def _tidy(mask: Array, alike: Array | None) -> Array:
    """uint8 mask without small pieces, hanger hook and false holes. ``alike``: pixels that look like background."""
    count, labels, stats = components(mask)
    if count < 2 or mask.mean() < 0.01:
        raise TryOnError("garment_unsuitable", "no garment was found in front of the background")
    biggest = 1 + int(np.argmax(stats[1:, 4]))
    whole = not fills_border(mask, stats[biggest])  # then what the frame cuts off is not part of it
    keep = [i for i in range(1, count) if stats[i, 4] > 0.04 * stats[biggest, 4]
            and (i == biggest or not (whole and fills_border(mask, stats[i])))]  # fmt: skip
    cloth = np.isin(labels, keep).astype(np.uint8)
    cloth = _without_hook(cloth, stats[biggest], single=len(keep) == 1)
    count, labels, stats = components(1 - cloth, connectivity=4)
    for i in range(1, count):
        if fills_border(cloth, stats[i]) or alike is None:
            continue
        if stats[i, 4] < 0.0012 * cloth.sum() or alike[labels == i].mean() <= 0.5:
            cloth[labels == i] = 1
    return cloth


def _without_hook(cloth: Array, box: Array, single: bool) -> Array:
    """Drop thin things such as a hanger's hook, keep thin things such as straps."""
    x, y, width, height = (int(v) for v in box[:4])
    radius = max(2, int(0.009 * max(width, height)))
    thick = opening(cloth, ellipse(2 * radius + 1))
    if single:
        thick = largest_component(thick)
    kept = cv2.dilate(thick, ellipse(2 * radius + 3)) & cloth
    count, labels, stats = components((cloth > 0) & (kept == 0))
    for i in range(1, count):
        hook = abs(stats[i, 0] + stats[i, 2] / 2 - (x + width / 2)) < 0.1 * width and stats[i, 1] <= y + 0.02 * height
        if stats[i, 4] > 0.004 * cloth.sum() and stats[i, 2] < 0.5 * width and not hook:
            kept[labels == i] = 1
    return np.asarray(kept)


def bleed(picture: Array, alpha: Array) -> Array:
    """Push the inner colours outwards, so that a warped edge carries no halo of the background."""
    core = erode(alpha > 0.92, 2)
    filled = push_pull(picture, core.astype(np.float32), gain=4.0, levels=5)
    keep = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 0.8)[..., None]
    out: Array = (picture * keep + filled * (1 - keep)).clip(0, 255).astype(np.uint8)
    return out

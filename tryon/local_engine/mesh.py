"""Meshes that carry garment pixels to the body, and their rendering."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import polygon_mask
from .imaging import Array, Shape


@dataclass(slots=True)
class MeshPart:
    """A grid of corresponding points. ``uv`` are cloth coordinates used for shading: u from -1 to 1 across."""

    name: str
    source: Array  # (rows, columns, 2), garment picture
    target: Array  # (rows, columns, 2), person picture
    uv: Array  # (rows, columns, 2), float32
    valid: Array | None = None  # (rows - 1, columns - 1): cells that are drawn
    clip: Array | None = None  # polygon in the garment picture
    side: str | None = None  # sleeves: the wearer's side
    reach: float = 0.0  # sleeves: where they end along the arm, pixels
    hem_axial: float = 0.0  # legs, skirts and torsos: where they end


@dataclass(slots=True)
class Layer:
    """One rendered part."""

    part: MeshPart
    colour: Array  # float32 (h, w, 3)
    alpha: Array
    u: Array
    v: Array


@dataclass(slots=True)
class Cloth:
    """What is drawn on a mesh: the garment's picture, its alpha, and the picture in its original size if larger."""

    picture: Array
    alpha: Array
    detail: Array | None = None


@dataclass(slots=True)
class _Raster:
    """The pixels of ``box``."""

    box: tuple[slice, slice]
    source: Array  # (h, w, 2) place in the garment picture, far outside where nothing is drawn
    uv: Array
    covered: Array  # bool


def _triangles(rows: int, columns: int, valid: Array | None) -> Array:
    """(n, 3) indices into the flattened grid; two triangles per cell, row by row."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    cells = np.stack([np.stack([a, b, c], -1), np.stack([d, c, b], -1)], -2)
    if valid is not None:
        cells = cells[valid]
    return cells.reshape(-1, 3)


def rasterise(part: MeshPart, shape: Shape) -> _Raster:
    """Inverse mapping of every pixel under the mesh. Later cells overwrite earlier ones."""
    target = part.target.reshape(-1, 2)
    triangles = _triangles(part.target.shape[0], part.target.shape[1], part.valid)
    box, start = _box(target[np.unique(triangles)], shape)
    owner = np.full((box[0].stop - box[0].start, box[1].stop - box[1].start), -1, np.int32)
    corners = np.clip(np.round((target - start) * 16), -(2**24), 2**24).astype(np.int32)
    for i, triangle in enumerate(corners[triangles]):
        cv2.fillConvexPoly(owner, triangle, i, cv2.LINE_8, 4)
    covered = owner >= 0
    raster = _Raster(
        box, np.full((*owner.shape, 2), -1e4, np.float32), np.zeros((*owner.shape, 2), np.float32), covered
    )
    ys, xs = np.nonzero(covered)
    if not len(ys):
        return raster
    mine = owner[ys, xs]
    first, to_b, to_c, values = (np.take(table, mine, axis=0) for table in _per_triangle(part, triangles, start))
    offset = np.stack([xs, ys], 1).astype(np.float32) - first
    # barycentric: a pixel on the rim of its triangle may lie a little outside
    b, c = (np.clip(np.einsum("ni,ni->n", offset, side), -0.2, 1.2)[:, None] for side in (to_b, to_c))
    mixed = values[:, 0] + values[:, 1] * b + values[:, 2] * c
    raster.source[ys, xs], raster.uv[ys, xs] = mixed[:, :2], mixed[:, 2:]
    return raster


def under(part: MeshPart, shape: Shape) -> tuple[Array, Array, Array]:
    """-> (u, v, whether the mesh covers it) of every pixel."""
    raster = rasterise(part, shape)
    uv, covered = np.zeros((*shape, 2), np.float32), np.zeros(shape, bool)
    uv[raster.box], covered[raster.box] = raster.uv, raster.covered
    return uv[..., 0], uv[..., 1], covered


def _box(points: Array, shape: Shape) -> tuple[tuple[slice, slice], Array]:
    """-> (rows and columns of the picture that hold the points, their first pixel as x, y)."""
    limit = np.array([shape[1], shape[0]])
    low, high = (points.min(0), points.max(0)) if len(points) else (np.zeros(2), np.zeros(2))
    start = np.clip(np.floor(low) - 2, 0, limit - 1).astype(int)
    stop = np.clip(np.ceil(high) + 3, start + 1, limit).astype(int)
    return (slice(int(start[1]), int(stop[1])), slice(int(start[0]), int(stop[0]))), start


def _per_triangle(part: MeshPart, triangles: Array, start: Array) -> tuple[Array, Array, Array, Array]:
    """-> (first corner (n, 2), its two barycentric gradients (n, 2) each, the values at it and their changes along the
    sides (n, 3, 4)), float32."""
    corners = (part.target.reshape(-1, 2) - start)[triangles]
    first, side_b, side_c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = side_b[:, 0] * side_c[:, 1] - side_c[:, 0] * side_b[:, 1]
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)[:, None]
    b = np.stack([side_c[:, 1], -side_c[:, 0]], 1) / area
    c = np.stack([-side_b[:, 1], side_b[:, 0]], 1) / area
    values = np.concatenate([part.source.reshape(-1, 2), part.uv.reshape(-1, 2)], 1)[triangles]
    values[:, 1:] -= values[:, :1]
    return first.astype(np.float32), b.astype(np.float32), c.astype(np.float32), values.astype(np.float32)


def _cell_area(grid: Array, valid: Array | None) -> float:
    down, right = np.diff(grid, axis=0)[:, :-1], np.diff(grid, axis=1)[:-1]
    area = np.abs(down[..., 0] * right[..., 1] - down[..., 1] * right[..., 0])
    return max(1e-6, float(np.median(area if valid is None else area[valid])))


def render(part: MeshPart, cloth: Cloth, shape: Shape) -> Layer:
    """Draw one part."""
    picture, alpha = cloth.picture, cloth.alpha
    shrink = np.sqrt(_cell_area(part.source, part.valid) / _cell_area(part.target, part.valid))
    cut = alpha
    if part.clip is not None:
        cut = alpha * cv2.GaussianBlur(polygon_mask((alpha.shape[0], alpha.shape[1]), part.clip), (0, 0), 1.0)
    scale = 1.0
    if shrink > 1.35:  # average first, or fine patterns alias
        scale = 1 / float(shrink)
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cut = cv2.resize(cut, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_AREA)
    raster = rasterise(part, shape)
    place = (raster.source + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)
    interpolation = cv2.INTER_CUBIC if shrink < 1 else cv2.INTER_LINEAR
    colour = cv2.remap(picture, place, None, interpolation, borderMode=cv2.BORDER_REPLICATE)
    if cloth.detail is not None and shrink < 0.95:
        colour = _finer(colour, cloth, cloth.detail, raster)
    drawn = cv2.remap(cut.astype(np.float32), place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(raster.covered.astype(np.float32), (0, 0), 0.7)
    drawn = np.minimum(drawn * raster.covered, np.clip(soft * 2 - 1 + 0.5 * (soft > 0.75), 0, 1))
    layer = Layer(part, np.zeros((*shape, 3), np.float32), *(np.zeros(shape, np.float32) for _ in range(3)))
    layer.colour[raster.box], layer.alpha[raster.box] = colour, drawn
    layer.u[raster.box], layer.v[raster.box] = raster.uv[..., 0], raster.uv[..., 1]
    return layer


def _finer(colour: Array, cloth: Cloth, detail: Array, raster: _Raster) -> Array:
    """``colour`` with the larger original's pixels, but at the garment's edge, where they mix with the background's."""
    core = cv2.GaussianBlur(cv2.erode((cloth.alpha > 0.92).astype(np.float32), np.ones((5, 5))), (0, 0), 1.0)
    inside = cv2.remap(core, raster.source, None, cv2.INTER_LINEAR)[..., None]
    zoom = np.float32(detail.shape[1] / cloth.picture.shape[1])
    place = (raster.source + np.float32(0.5)) * zoom - np.float32(0.5)
    fine = cv2.remap(detail, place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(colour + (fine.astype(np.float32) - colour) * inside)


def strip(
    name: str,
    source: tuple[Array, Array],
    target: tuple[Array, Array],
    v: tuple[float, float],
    columns: int,
    margin: float,
) -> MeshPart:
    """A mesh between two edges with ``columns`` columns, widened by ``margin`` so that the alpha decides the edge."""
    across = np.linspace(-margin, 1 + margin, columns)[None, :, None]
    part_source = source[0][:, None] * (1 - across) + source[1][:, None] * across
    part_target = target[0][:, None] * (1 - across) + target[1][:, None] * across
    rows = part_source.shape[0]
    uv = np.empty((rows, columns, 2), np.float32)
    uv[..., 0] = np.linspace(-1 - 2 * margin, 1 + 2 * margin, columns)[None]
    uv[..., 1] = np.linspace(v[0], v[1], rows)[:, None]
    return MeshPart(name, part_source, part_target, uv)


def extend(part: MeshPart, share: float, at_start: bool, at_end: bool) -> None:
    """Continue a mesh by ``share`` of its length at either end, in place."""
    steps = share * (part.source.shape[0] - 1)
    for wanted, edge, inner in ((at_start, 0, 1), (at_end, -1, -2)):
        if not wanted:
            continue
        grids = []
        for grid in (part.source, part.target, part.uv):
            row = (grid[edge] + (grid[edge] - grid[inner]) * steps)[None]
            grids.append(np.concatenate([row, grid] if edge == 0 else [grid, row]).astype(grid.dtype))
        part.source, part.target, part.uv = grids

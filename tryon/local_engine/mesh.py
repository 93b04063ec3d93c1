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
class _Raster:
    source_x: Array
    source_y: Array
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
    owner = np.full(shape, -1, np.int32)
    corners = np.clip(np.round(target * 16), -(2**24), 2**24).astype(np.int32)
    for i, triangle in enumerate(corners[triangles]):
        cv2.fillConvexPoly(owner, triangle, i, cv2.LINE_8, 4)
    ys, xs = np.nonzero(owner >= 0)
    raster = _Raster(
        np.full(shape, -1e4, np.float32),
        np.full(shape, -1e4, np.float32),
        np.zeros((*shape, 2), np.float32),
        owner >= 0,
    )
    if not len(ys):
        return raster
    mine = triangles[owner[ys, xs]]
    first, second, third = (target[mine[:, k]] for k in range(3))
    side_b, side_c = second - first, third - first
    offset = np.stack([xs, ys], 1) - first
    area = side_b[:, 0] * side_c[:, 1] - side_c[:, 0] * side_b[:, 1]
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    b = np.clip((offset[:, 0] * side_c[:, 1] - side_c[:, 0] * offset[:, 1]) / area, -0.2, 1.2)
    c = np.clip((side_b[:, 0] * offset[:, 1] - offset[:, 0] * side_b[:, 1]) / area, -0.2, 1.2)
    weights = (1 - b - c, b, c)
    values = np.concatenate([part.source.reshape(-1, 2), part.uv.reshape(-1, 2)], 1)
    mixed = sum((values[mine[:, k]] * weights[k][:, None] for k in range(3)), np.zeros((len(xs), 4)))
    raster.source_x[ys, xs], raster.source_y[ys, xs] = mixed[:, 0], mixed[:, 1]
    raster.uv[ys, xs] = mixed[:, 2:]
    return raster


def _cell_area(grid: Array, valid: Array | None) -> float:
    down, right = np.diff(grid, axis=0)[:, :-1], np.diff(grid, axis=1)[:-1]
    area = np.abs(down[..., 0] * right[..., 1] - down[..., 1] * right[..., 0])
    return max(1e-6, float(np.median(area if valid is None else area[valid])))


def render(part: MeshPart, picture: Array, alpha: Array, shape: Shape) -> Layer:
    """Draw one part. ``picture`` and ``alpha`` are the garment's."""
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
    x, y = (raster.source_x + 0.5) * scale - 0.5, (raster.source_y + 0.5) * scale - 0.5
    x, y = x.astype(np.float32), y.astype(np.float32)
    interpolation = cv2.INTER_CUBIC if shrink < 1 else cv2.INTER_LINEAR
    colour = cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    drawn = cv2.remap(cut.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    drawn *= raster.covered
    soft = cv2.GaussianBlur(raster.covered.astype(np.float32), (0, 0), 0.7)
    drawn = np.minimum(drawn, np.clip(soft * 2 - 1 + 0.5 * (soft > 0.75), 0, 1))
    return Layer(part, colour.astype(np.float32), drawn.astype(np.float32), raster.uv[..., 0], raster.uv[..., 1])


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

"""Is a photo too dark or too blurry for a good preview? Pillow statistics on a small copy; Django is not needed.

The limits were set on photos of people: sharp ones score 540 and more, the same blurred by 0.4 % of their long edge
9 to 28; the brightest twentieth of well-lit ones starts at 197 and more, at 30 % of the light at 59 to 71.
"""

from __future__ import annotations

from PIL import Image, ImageFilter, ImageStat

EDGE = 512  # all measures are taken at this size, so that they do not depend on the camera's resolution
TILES = 6  # per side
HIGHLIGHTS_UNDER = 80  # of 255: even the brightest twentieth of the photo is darker
MEAN_UNDER = 25
SHARPNESS_UNDER = 45.0

_LAPLACE = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


def warnings(im: Image.Image) -> list[str]:
    """The codes that apply to an RGB picture: ``photo_dark`` or ``photo_blurry``.

    A dark photo is not also called blurry: without light there is no contrast to judge sharpness by.
    """
    grey = im.convert("L")
    grey.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    if is_dark(grey):
        return ["photo_dark"]
    return ["photo_blurry"] if sharpness(grey) < SHARPNESS_UNDER else []


def is_dark(grey: Image.Image) -> bool:
    """True when the photo has no highlights, or hardly any light at all."""
    histogram = grey.histogram()
    brightest = sum(histogram[HIGHLIGHTS_UNDER:])
    return brightest < 0.05 * sum(histogram) or ImageStat.Stat(grey).mean[0] < MEAN_UNDER


def sharpness(grey: Image.Image) -> float:
    """Variance of the Laplacian in the fourth sharpest of 36 tiles: a plain backdrop does not make a photo blurry."""
    if min(grey.size) < 3:
        return 0.0
    inner = (1, 1, grey.width - 1, grey.height - 1)  # Pillow copies the outermost pixels unfiltered
    edges = grey.filter(_LAPLACE).crop(inner)
    columns = [round(at * edges.width / TILES) for at in range(TILES + 1)]
    rows = [round(at * edges.height / TILES) for at in range(TILES + 1)]
    scores = [
        ImageStat.Stat(edges.crop((columns[x], rows[y], columns[x + 1], rows[y + 1]))).var[0]
        for x in range(TILES)
        for y in range(TILES)
        if columns[x] < columns[x + 1] and rows[y] < rows[y + 1]
    ]
    scores.sort()
    return scores[-4] if len(scores) >= 4 else scores[-1]

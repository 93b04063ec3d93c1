"""What can be drawn with Pillow alone: the mark, sizes, and plain stand-ins for operations the engine can't do."""

from __future__ import annotations

import colorsys
import hashlib
import io
import textwrap
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

MAX_UPSCALED = 4096  # long side: four times a phone photo would need a gigabyte of memory
_MASK_SIDE = 320
_NEAR = 26  # of 255: how far a background may be from the colour of the picture's corner


def marked(image: Image.Image, text: str, *, band: bool = True) -> Image.Image:
    """``image`` with the words that say where it comes from: on a band, or written into the picture itself."""
    picture = image.copy()
    height = max(20, round(min(picture.size) * 0.055))
    label = f"SANDBOX  {text}"
    font = ImageFont.load_default(size=height * 0.55)
    draw = ImageDraw.Draw(picture)
    while draw.textlength(label, font=font) > picture.width - height and len(label) > len("SANDBOX"):
        label = label[:-1]
    if not band:
        draw.text((height / 2, height / 2), label, font=font, fill=(120, 110, 90), anchor="lm")
        return picture
    layer = Image.new("RGBA", (picture.width, height), (24, 24, 27, 255))
    ImageDraw.Draw(layer).text((height / 2, height / 2), label, font=font, fill=(255, 214, 10), anchor="lm")
    picture.paste(layer if picture.mode == "RGBA" else layer.convert("RGB"), (0, picture.height - height))
    return picture


def encoded(image: Image.Image, kind: str) -> bytes:
    """PNG (with transparency) or JPEG (on white) bytes. ``kind``: "png" or "jpeg"."""
    out = io.BytesIO()
    if kind == "png":
        image.save(out, "PNG", compress_level=3)
    else:
        on_white(image).save(out, "JPEG", quality=92)
    return out.getvalue()


def on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The whole picture inside ``size``, on a soft enlarged copy of itself: nothing is cut off."""
    if image.size == size:
        return image
    source = on_white(image)
    backdrop = ImageOps.fit(source, size).filter(ImageFilter.GaussianBlur(max(size) / 30))
    inner = ImageOps.contain(source, size, Image.Resampling.LANCZOS)
    backdrop.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    return backdrop


def cutout(image: Image.Image) -> Image.Image:
    """The picture with its plain background transparent: what hangs together with the upper edges goes."""
    source = on_white(image)
    small = ImageOps.contain(source, (_MASK_SIDE, _MASK_SIDE)).filter(ImageFilter.MedianFilter(5))
    right, bottom = small.width - 1, small.height - 1
    steps = [part / 8 for part in range(9)]
    starts = [(round(right * part), 0) for part in steps]
    starts += [(x, round(bottom * part)) for part in steps for x in (0, right)]
    key, flooded = (1, 254, 3), small.copy()
    corners = [_pixel(small, (0, 0)), _pixel(small, (right, 0))]
    for start in starts:
        like_corner = any(_distance(_pixel(small, start), corner) < 3 * _NEAR for corner in corners)
        if like_corner and _pixel(flooded, start) != key:
            ImageDraw.floodfill(flooded, start, key, thresh=_NEAR)
    difference = ImageChops.difference(flooded, Image.new("RGB", small.size, key)).convert("L")
    mask = difference.point([0] + [255] * 255).filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(0.8))
    result = source.convert("RGBA")
    result.putalpha(mask.resize(source.size, Image.Resampling.BICUBIC))
    if image.mode == "RGBA":
        result.putalpha(ImageChops.multiply(result.getchannel("A"), image.getchannel("A")))
    return result


def _pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    value = image.getpixel(at)
    return value if isinstance(value, tuple) else ()


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def scene(words: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A drawn backdrop whose colours and shapes follow the words, the same each time."""
    digest = hashlib.sha256(f"{seed}:{words}".encode()).digest()
    hue = digest[0] / 255
    top, bottom = _colour(hue, 0.25, 0.95), _colour((hue + 0.12) % 1, 0.45, 0.7)
    ramp = Image.linear_gradient("L").resize(size)
    picture = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
    draw = ImageDraw.Draw(picture)
    side = min(size)
    for index in range(5):
        x, y, r = digest[3 * index + 1], digest[3 * index + 2], digest[3 * index + 3]
        centre, radius = (x * size[0] / 255, y * size[1] / 255), side * (0.05 + r / 255 * 0.18)
        draw.circle(centre, radius, fill=_colour((hue + index / 11) % 1, 0.35, 0.85))
    return picture


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def captioned(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """A picture with words on it, for what is made from words alone."""
    picture = image.copy()
    draw = ImageDraw.Draw(picture)
    size = max(14, min(picture.size) // 24)
    font = ImageFont.load_default(size=size)
    letters = max(8, round(picture.width * 0.86 / (size * 0.52)))
    wrapped = [part for line in lines for part in textwrap.wrap(line, letters)][:6]
    draw.multiline_text(
        (picture.width * 0.07, picture.height * 0.08), "\n".join(wrapped), font=font, fill="white",
        stroke_width=2, stroke_fill=(30, 30, 30), spacing=size // 3,
    )  # fmt: skip
    return picture


def on_scene(image: Image.Image, words: str, seed: int = 0) -> Image.Image:
    """The subject of the picture in front of a drawn backdrop."""
    return in_front(image, scene(words, image.size, seed))


def in_front(image: Image.Image, backdrop: Image.Image) -> Image.Image:
    """The subject of the picture on a backdrop, standing on its lower edge, as large as fits."""
    subject = ImageOps.contain(cutout(image), backdrop.size, Image.Resampling.LANCZOS)
    placed = backdrop.copy()
    at = ((placed.width - subject.width) // 2, placed.height - subject.height)
    placed.paste(subject, at, subject.getchannel("A"))
    return placed


def sharpened(image: Image.Image) -> Image.Image:
    return on_white(image).filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.UnsharpMask(2, 120, 2))


def without(image: Image.Image, mask: Image.Image | None) -> Image.Image:
    """What is white in the mask (the lower right corner without one) filled with its surroundings, roughly."""
    source = on_white(image)
    if mask is None:
        mask = Image.new("L", source.size, 0)
        box = (source.width * 0.7, source.height * 0.8, source.width, source.height)
        ImageDraw.Draw(mask).rectangle(box, fill=255)
    filled = source.resize((max(1, source.width // 24), max(1, source.height // 24))).resize(source.size)
    return Image.composite(filled, source, on_white(mask).convert("L").filter(ImageFilter.GaussianBlur(3)))


def upscaled(image: Image.Image, factor: int = 4) -> Image.Image:
    """``factor`` times as large, up to ``MAX_UPSCALED``."""
    factor_here = min(factor, MAX_UPSCALED / max(image.size))
    size = (round(image.width * factor_here), round(image.height * factor_here))
    return image.resize(size, Image.Resampling.LANCZOS)


def pasted(person: Image.Image, garment: Image.Image) -> Image.Image:
    """A stand-in for a try-on: the garment's cutout laid over the middle of the picture."""
    base = on_white(person)
    piece = cutout(garment)
    piece = ImageOps.contain(piece, (round(base.width * 0.6), round(base.height * 0.5)))
    base.paste(piece, ((base.width - piece.width) // 2, round(base.height * 0.3)), piece.getchannel("A"))
    return base

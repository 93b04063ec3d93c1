"""Smaller copies of our own pictures, made once when a picture is saved."""

from __future__ import annotations

from PIL import Image

from tryon.images import decoder, disclosure, formats
from tryon.images.picture import Picture

SIZES = {"card": 800, "thumb": 320}  # long edge in pixels, from large to small: each is made from the one before
QUALITY = 85
HALF_COLOUR = 2  # 4:2:0, the web's habit for small pictures


def renditions(picture: Picture) -> dict[str, Picture]:
    """``card`` and ``thumb`` of a picture that came out of ``intake``, as JPEG on white, never larger than itself.

    A mark "made with AI" is carried over. The picture is our own work: it is decoded in this process.
    """
    format_name = formats.sniff(picture.data)
    if format_name not in (formats.JPEG, formats.PNG):
        raise ValueError("not a picture of ours")
    packet = disclosure.xmp_packet(picture.data)
    with decoder.open_picture(picture.data, format_name) as im:
        im.draft(None, (2 * SIZES["card"], 2 * SIZES["card"]))
        im.load()
        copy = decoder.flatten(im)
    made = {}
    for name, edge in SIZES.items():
        copy.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        data = decoder.encode_jpeg(copy, QUALITY, HALF_COLOUR)
        small = Picture.of(data, "image/jpeg", copy.size)
        made[name] = disclosure.with_packet(small, packet) if packet else small
    return made

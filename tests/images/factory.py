"""Picture files made for the tests, and the strict reading of what came out."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CANARY = b"CANARY-home-address-12-rue-de-la-paix"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def scene(width: int = 400, height: int = 500) -> Image.Image:
    """A picture without any symmetry: red top left, green top right, blue bottom left, grey stripes elsewhere."""
    im = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(im)
    for x in range(0, width, 8):
        draw.line([(x, 0), (x, height)], fill=(200, 200, 200), width=2)
    box_w, box_h = width // 4, height // 4
    draw.rectangle([0, 0, box_w, box_h], fill=(255, 0, 0))
    draw.rectangle([width - box_w, 0, width, box_h], fill=(0, 255, 0))
    draw.rectangle([0, height - box_h, box_w, height], fill=(0, 0, 255))
    return im


def encode(im: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    im.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    im = Image.open(io.BytesIO(data))
    im.load()
    return im


def corners(im: Image.Image) -> str:
    """The colours of the four corners as letters, clockwise from the top left: ``RG?B`` for an upright scene."""
    rgb, far_x, far_y = im.convert("RGB"), im.width - 10, im.height - 10
    return "".join(_letter(rgb.getpixel(at)) for at in ((9, 9), (far_x, 9), (far_x, far_y), (9, far_y)))


def _letter(pixel: Any) -> str:
    for letter, channel in (("R", 0), ("G", 1), ("B", 2)):
        if pixel[channel] > 180 and sum(pixel) - pixel[channel] < 140:
            return letter
    return "?"


def exif_with_gps(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = CANARY.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 13.0), 3: "E", 4: (13.0, 24.0, 1.0)})
    return exif.tobytes()


def xmp_packet() -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>' + CANARY + b"</rdf:RDF></x:xmpmeta>"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_zeros(
    width: int, height: int, bits: int, colour_type: int, row_bytes: int, rows: int | None = None
) -> bytes:
    """A PNG whose pixel data is nothing but zeros, written without holding them."""
    packer, row = zlib.compressobj(1), b"\0" * (row_bytes + 1)
    packed = [packer.compress(row) for _ in range(height if rows is None else rows)]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"".join(packed) + packer.flush())
    return PNG_SIGNATURE + body + png_chunk(b"IEND", b"")


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_insert(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def scan_bomb(side: int, scans: int) -> bytes:
    """A grey progressive JPEG: one scan with nothing, then ``scans`` that add nothing, each a pass over all blocks."""
    blocks = (side // 8) ** 2
    tables = jpeg_segment(0xDB, b"\0" + b"\x10" * 64)
    tables += jpeg_segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    tables += jpeg_segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\0")  # DC: code 0 is category 0
    tables += jpeg_segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")  # AC: code 0 ends a run of blocks
    first = jpeg_segment(0xDA, b"\1\1\0\0\0\0") + b"\0" * ((blocks + 7) // 8)
    bits, left = "", blocks
    while left > 0:
        run = max(16384, min(left, 32767))
        bits, left = bits + "0" + format(run - 16384, "014b"), left - run
    bits += "1" * (-len(bits) % 8)
    packed = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    more = jpeg_segment(0xDA, b"\1\1\0\1\x3f\0") + packed
    return b"\xff\xd8" + tables + first + more * scans + b"\xff\xd9"


def assert_nothing_but_pixels(data: bytes) -> None:
    """Every segment or chunk of the file is one that pixels need, and nothing follows its end."""
    if data.startswith(PNG_SIGNATURE):
        kinds, at = [], 8
        while at < len(data):
            length = struct.unpack(">I", data[at : at + 4])[0]
            kinds.append(data[at + 4 : at + 8])
            at += 12 + length
        assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
        assert kinds[-1] == b"IEND"
        return
    assert data[:2] == b"\xff\xd8"
    at, markers = 2, []
    while data[at + 1] != 0xDA:
        assert data[at] == 0xFF
        markers.append(data[at + 1])
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        assert data[at + 1] != 0xE0 or length == 16, "the JFIF segment holds a thumbnail"
        at += 2 + length
    assert set(markers) <= {0xE0, 0xDB, 0xC0, 0xC4}, [hex(marker) for marker in markers]
    assert data.index(b"\xff\xd9", at) == len(data) - 2
    assert CANARY not in data

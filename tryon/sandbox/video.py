"""A valid H.264 film in an MP4 file, written without an encoder.

Each scene is one uncompressed key frame (I_PCM macroblocks), held by frames that say "no change" (P_Skip), so that
every player and browser shows it. Sources: ITU-T H.264 sections 7.3 (syntax) and 9.1 (Exp-Golomb codes); ISO/IEC
14496-12 (boxes) and 14496-15 (avcC).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from PIL import Image

_MACROBLOCK = 16
_I_PCM = b"\x0d\x00"  # mb_type 25 as ue(v), then zero bits up to the next byte
_LEVEL_SMALL, _LEVEL_LARGE = 31, 41  # up to 1280 x 720, up to 1920 x 1080
_TIMESCALE = 1000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class _Bits:
    def __init__(self) -> None:
        self._text = ""

    def u(self, width: int, value: int) -> _Bits:
        self._text += format(value, f"0{width}b")
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            digits = format(value + 1, "b")
            self._text += "0" * (len(digits) - 1) + digits
        return self

    def aligned(self) -> bytes:
        """Zero bits up to a whole byte."""
        text = self._text + "0" * (-len(self._text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")

    def closed(self) -> bytes:
        """The trailing one bit of an RBSP, then aligned."""
        self._text += "1"
        return self.aligned()


def mp4(scenes: Sequence[Image.Image], *, seconds: float, frames_per_second: int = 16) -> bytes:
    """A film of ``seconds`` that shows the scenes (of one size, even sides) for equal times."""
    width, height = scenes[0].size
    total = max(len(scenes), round(seconds * frames_per_second))
    cuts = {round(index * total / len(scenes)): index for index in range(len(scenes))}
    samples: list[bytes] = []
    since_key = 0
    for frame in range(total):
        if frame in cuts:
            since_key = 0
            unit = _key_frame(scenes[cuts[frame]], cuts[frame] % 2)
        else:
            since_key += 1
            unit = _held_frame(width, height, since_key % 16)
        samples.append(len(unit).to_bytes(4, "big") + unit)
    return _container(samples, sorted(cuts), (width, height), frames_per_second)


def _blocks(width: int, height: int) -> tuple[int, int]:
    return -(-width // _MACROBLOCK), -(-height // _MACROBLOCK)


def unit(header: int, payload: bytes) -> bytes:
    """A NAL unit: emulation prevention keeps start codes out of the payload."""
    return bytes([header]) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def _sequence_parameters(width: int, height: int) -> bytes:
    columns, rows = _blocks(width, height)
    level = _LEVEL_SMALL if columns * rows <= 3600 else _LEVEL_LARGE
    bits = _Bits().u(8, 66).u(8, 0xC0).u(8, level)  # constrained baseline
    bits.ue(0, 0, 2, 1).u(1, 0)  # id, 4-bit frame numbers, output in decoding order, one reference, no gaps
    bits.ue(columns - 1, rows - 1).u(1, 1).u(1, 1)
    right, bottom = columns * _MACROBLOCK - width, rows * _MACROBLOCK - height
    bits.u(1, int(bool(right or bottom)))
    if right or bottom:
        bits.ue(0, right // 2, 0, bottom // 2)
    return unit(0x67, bits.u(1, 0).closed())


def _picture_parameters() -> bytes:
    bits = _Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0)
    return unit(0x68, bits.u(3, 0b100).closed())  # the deblocking filter can be switched off in slices


def _key_frame(scene: Image.Image, picture_id: int) -> bytes:
    columns, rows = _blocks(*scene.size)
    padded = Image.new("RGB", (columns * _MACROBLOCK, rows * _MACROBLOCK))
    padded.paste(scene.convert("RGB"))
    bright, blue, red = padded.convert("YCbCr").split()
    half = (padded.width // 2, padded.height // 2)
    # decoders expect 16 to 235 (240); no byte becomes 0, which the standard forbids in such blocks
    luma = bright.point([16 + value * 219 // 255 for value in range(256)]).tobytes()
    chroma = [plane.resize(half).point([16 + v * 224 // 255 for v in range(256)]).tobytes() for plane in (blue, red)]
    head = _Bits().ue(0, 7, 0).u(4, 0).ue(picture_id).u(2, 0).ue(0, 1)
    data = bytearray(head.ue(25).aligned())
    for row in range(rows):
        for column in range(columns):
            if row or column:
                data += _I_PCM
            data += _tile(luma, padded.width, row, column, _MACROBLOCK)
            for plane in chroma:
                data += _tile(plane, half[0], row, column, _MACROBLOCK // 2)
    return unit(0x65, bytes(data) + b"\x80")


def _tile(plane: bytes, stride: int, row: int, column: int, side: int) -> bytes:
    start = row * side * stride + column * side
    return b"".join(plane[start + line * stride : start + line * stride + side] for line in range(side))


def _held_frame(width: int, height: int, number: int) -> bytes:
    columns, rows = _blocks(width, height)
    bits = _Bits().ue(0, 5, 0).u(4, number).u(3, 0).ue(0, 1)
    return unit(0x41, bits.ue(columns * rows).closed())


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _container(samples: Sequence[bytes], keys: Sequence[int], size: tuple[int, int], rate: int) -> bytes:
    start = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    media = _box(b"mdat", *samples)
    lengths, numbers = [len(sample) for sample in samples], [key + 1 for key in keys]
    before = len(start) + len(_movie(0, lengths, numbers, size, rate)) + 8
    return start + _movie(before, lengths, numbers, size, rate) + media


def _movie(offset: int, lengths: list[int], keys: list[int], size: tuple[int, int], rate: int) -> bytes:
    duration = len(lengths) * _TIMESCALE // rate
    header = _full(
        b"mvhd", struct.pack(">IIIIIH10x", 0, 0, _TIMESCALE, duration, 0x10000, 0x100), _MATRIX,
        struct.pack(">24xI", 2),
    )  # fmt: skip
    track = _full(
        b"tkhd", struct.pack(">IIIIIQHHHH", 0, 0, 1, 0, duration, 0, 0, 0, 0, 0), _MATRIX,
        struct.pack(">II", size[0] << 16, size[1] << 16), flags=3,
    )  # fmt: skip
    length = len(lengths) * (_TIMESCALE // rate)
    clock = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, rate * (_TIMESCALE // rate), length, 0x55C4, 0))
    handler = _full(b"hdlr", struct.pack(">I4s12x", 0, b"vide"), b"picture\0")
    here = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1)))
    video = _box(b"minf", _full(b"vmhd", bytes(8), flags=1), here, _samples(offset, lengths, keys, size, rate))
    return _box(b"moov", header, _box(b"trak", track, _box(b"mdia", clock, handler, video)))


def _samples(offset: int, lengths: list[int], keys: list[int], size: tuple[int, int], rate: int) -> bytes:
    first, second = _sequence_parameters(*size), _picture_parameters()
    config = _box(
        b"avcC", b"\x01", first[1:4], b"\xff\xe1", struct.pack(">H", len(first)), first,
        b"\x01", struct.pack(">H", len(second)), second,
    )  # fmt: skip
    entry = _box(
        b"avc1", struct.pack(">6xH16xHHIIIH32xHh", 1, *size, 0x480000, 0x480000, 0, 1, 24, -1), config
    )  # fmt: skip
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">III", 1, len(lengths), _TIMESCALE // rate)),
        _full(b"stss", struct.pack(f">I{len(keys)}I", len(keys), *keys)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, len(lengths), 1)),
        _full(b"stsz", struct.pack(f">II{len(lengths)}I", 0, len(lengths), *lengths)),
        _full(b"stco", struct.pack(">II", 1, offset)),
    )

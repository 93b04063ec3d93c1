"""The one place that parses pictures. ``main`` is the child process that ``sandbox`` starts; it must not import Django.

Order matters: header checks, whole decode, shrink, turn upright, sRGB, encode. Resizing first keeps every later
step on the small picture.
"""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from typing import Any

from PIL import ExifTags, Image, ImageFile

from tryon.images import formats, quality
from tryon.images.picture import Limits

try:
    import resource
except ImportError:  # Windows has no such limits; the parent's deadline remains
    resource = None  # type: ignore[assignment]

JPEG_QUALITY = 92
FULL_COLOUR = 0  # no chroma subsampling: coloured fabric would lose twice as much to it as to the quality setting
MAX_JPEG_PIXELS_A_BYTE = 512  # a bit for each block of 8 x 8; libjpeg fills what is missing with grey, silently
MAX_PROFILE_BYTES = 4 * 1024 * 1024
NEAR_ENOUGH = 0.9  # of max_edge: a JPEG that decodes to this directly is not decoded at twice the size to be resized

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


class Refused(Exception):
    """The picture can't be taken: a code of ``tryon.errors``, words for the shop, and the code's parameters."""

    def __init__(self, code: str, detail: str, **params: int) -> None:
        super().__init__(code)
        self.code, self.detail, self.params = code, detail, params


def open_picture(data: bytes, format_name: str) -> ImageFile.ImageFile:
    """A lazily opened picture; only the parser of ``format_name`` ever sees the bytes."""
    if format_name == formats.JPEG:
        from PIL import JpegImagePlugin

        # not Image.open: its JPEG entry goes on to parse the multi-picture block and fails where that is damaged
        return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if format_name == formats.AVIF:
        _prepare_avif()
    elif format_name == formats.HEIF:
        _prepare_heif()
    return Image.open(io.BytesIO(data), formats=(format_name,))


def decode(data: bytes, format_name: str, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Header (``mime``, ``width``, ``height``, ``warnings``) and bytes of the cleaned picture. Raises ``Refused``."""
    im = _open_checked(data, format_name, limits)
    width, height = im.size
    _load_whole(im, data, format_name, limits)
    _check_shape(width, height, limits)
    turn, profile = _orientation(im), im.info.get("icc_profile")
    small = _shrink(_plain_mode(im), limits.max_edge)
    if turn in TURNS:
        small = small.transpose(TURNS[turn])
    small = _to_srgb(small, profile)
    if small.mode == "RGBA" and not limits.keep_alpha:
        small = flatten(small)
    encoded = encode_png(small) if small.mode == "RGBA" else encode_jpeg(small, JPEG_QUALITY, FULL_COLOUR)
    header = {
        "mime": "image/png" if small.mode == "RGBA" else "image/jpeg",
        "width": small.width,
        "height": small.height,
        "warnings": quality.warnings(flatten(small)),
    }
    return header, encoded


def flatten(im: Image.Image) -> Image.Image:
    """The picture as RGB, on white where it is transparent."""
    if im.mode != "RGBA":
        return im if im.mode == "RGB" else im.convert("RGB")
    white = Image.new("RGB", im.size, "white")
    white.paste(im, mask=im.getchannel("A"))
    return white


def encode_jpeg(im: Image.Image, quality_percent: int, subsampling: int) -> bytes:
    """A JPEG of the pixels alone: Pillow would also write comments and profiles that it finds in ``im.info``."""
    out = io.BytesIO()
    _pixels_only(im).save(out, "JPEG", quality=quality_percent, subsampling=subsampling)
    return out.getvalue()


def encode_png(im: Image.Image) -> bytes:
    """A PNG of the pixels alone, with nothing hidden under full transparency."""
    alpha = im.getchannel("A")
    visible = Image.composite(im.convert("RGB"), Image.new("RGB", im.size, "white"), alpha.point([0] + [255] * 255))
    visible.putalpha(alpha)
    out = io.BytesIO()
    _pixels_only(visible).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _pixels_only(im: Image.Image) -> Image.Image:
    clean = Image.new(im.mode, im.size)
    clean.paste(im)
    return clean


def _prepare_avif() -> None:
    from PIL import AvifImagePlugin

    if not AvifImagePlugin.SUPPORTED:
        raise Refused("unsupported_image_format", "AVIF: this Pillow was built without it")
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # more would only spend the processor time faster


def _prepare_heif() -> None:
    try:
        import pi_heif
    except ImportError as error:
        raise Refused("unsupported_image_format", "HEIC: pip install django-tryon[heif]") from error
    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _open_checked(data: bytes, format_name: str, limits: Limits) -> ImageFile.ImageFile:
    """Open and judge by the header alone; no pixel is decoded yet."""
    im = open_picture(data, format_name)
    width, height = im.size
    if width < 1 or height < 1:
        raise Refused("malformed_image", "no pixels")
    if width * height > limits.max_pixels:
        raise Refused("resolution_too_high", f"{width} x {height} pixels, limit {limits.max_pixels}")
    if format_name == formats.JPEG and width * height > len(data) * MAX_JPEG_PIXELS_A_BYTE:
        raise Refused("malformed_image", f"{len(data)} bytes can't hold {width} x {height} pixels")
    # A phone's JPEG or HEIC may carry further pictures (depth, gain map, burst): the first or primary one is the photo.
    if format_name not in (formats.JPEG, formats.HEIF) and getattr(im, "n_frames", 1) > 1:
        raise Refused("animated_image", f"{format_name} with {getattr(im, 'n_frames', 1)} frames")
    return im


def _check_shape(width: int, height: int, limits: Limits) -> None:
    """Judged after the decode: of a damaged small file, "choose a larger one" would be the wrong advice."""
    if max(width, height) > limits.max_aspect * min(width, height):
        raise Refused("aspect_ratio", f"{width} x {height} pixels, limit {limits.max_aspect:g}:1")
    if min(width, height) < limits.min_side:
        raise Refused("image_too_small", f"{width} x {height} pixels", limit=limits.min_side)


def _load_whole(im: ImageFile.ImageFile, data: bytes, format_name: str, limits: Limits) -> None:
    if format_name == formats.PNG:
        open_picture(data, format_name).verify()  # load() does not look at the checksums of pixel data
    edge = max(im.size)
    if format_name == formats.JPEG and edge > limits.max_edge:
        steps = [step for step in (8, 4, 2) if edge // step >= limits.max_edge * NEAR_ENOUGH]
        if steps:
            im.draft(None, (im.width // steps[0], im.height // steps[0]))
    im.load()


def _orientation(im: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none. Damaged EXIF must not cost the shopper the photo."""
    try:
        value = im.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - the EXIF parser raises many kinds on hostile input, and all mean "unknown"
        return 1
    return value if isinstance(value, int) else 1


def _plain_mode(im: Image.Image) -> Image.Image:
    """The picture in one of the modes L, RGB, RGBA or CMYK, all of which resize and convert well."""
    if im.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion to 8 bit clips instead of scaling
        im.info.pop("transparency", None)
        return im.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if im.has_transparency_data:
        return im.convert("RGBA")
    if im.mode in ("L", "RGB", "CMYK"):
        return im
    return im.convert("L" if im.mode == "1" else "RGB")


def _shrink(im: Image.Image, max_edge: int) -> Image.Image:
    edge = max(im.size)
    if edge <= max_edge:
        return im
    size = (max(1, round(im.width * max_edge / edge)), max(1, round(im.height * max_edge / edge)))
    return im.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _to_srgb(im: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, or RGBA where something is really transparent, in sRGB."""
    if im.mode != "RGBA":
        return _apply_profile(im, profile) or im.convert("RGB")
    alpha, colours = im.getchannel("A"), im.convert("RGB")
    colours = _apply_profile(colours, profile) or colours
    if any(alpha.histogram()[:255]):
        colours.putalpha(alpha)
    return colours


def _apply_profile(im: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The picture converted to sRGB, or None when it has no profile that fits. A damaged profile is as good as none."""
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return None
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != PROFILE_SPACES.get(im.mode):
            return None
        return ImageCms.profileToProfile(im, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None


def answer(data: bytes, format_name: str, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """As ``decode``, but a refusal is a header too: ``error``, ``detail``, ``params``."""
    try:
        return decode(data, format_name, limits)
    except Refused as refusal:
        return {"error": refusal.code, "detail": refusal.detail, "params": refusal.params}, b""
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {"error": "resolution_too_high", "detail": f"limit {limits.max_pixels} pixels"}, b""
    except MemoryError:
        return {"error": "processing_timeout", "detail": f"needs more than {limits.memory_bytes} bytes of memory"}, b""
    except Exception:  # noqa: BLE001 - a parser may raise anything on hostile input: the file is at fault
        return {"error": "malformed_image", "detail": f"{format_name} that can't be decoded whole"}, b""


def restrict(limits: Limits) -> None:
    """Bound this process for good: time, memory, no core dump (it would hold the photo), no files."""
    if resource is None:
        return
    wanted = {
        "RLIMIT_CPU": (limits.cpu_seconds, limits.cpu_seconds + 1),
        "RLIMIT_AS": (limits.memory_bytes, limits.memory_bytes),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_FSIZE": (0, 0),
    }
    for name, (soft, hard) in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), (soft, hard))
        except (AttributeError, ValueError, OSError):
            continue  # not known or not granted on this system (macOS: RLIMIT_AS); the deadline holds everywhere


def strict_parsing(limits: Limits) -> None:
    """Pillow's warnings about pictures become errors; its remarks on EXIF and on its own API do not."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    for category in (UserWarning, RuntimeWarning):
        warnings.simplefilter("error", category)
    warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")


def preload() -> None:
    """Import what decoding would import, for a process whose children decode."""
    from PIL import AvifImagePlugin, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    try:
        import pi_heif  # noqa: F401
    except ImportError:
        return


def main(format_name: str, limits_json: str) -> None:
    """Read a picture from stdin, write one line of JSON and the cleaned picture to stdout."""
    limits = Limits(**json.loads(limits_json))
    restrict(limits)
    strict_parsing(limits)
    header, encoded = answer(sys.stdin.buffer.read(), format_name, limits)
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + encoded)
    sys.stdout.buffer.flush()
    os._exit(0)  # skip taking down hundreds of megabytes politely

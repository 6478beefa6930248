"""Image files to RGB pixels, level for level as Pillow's `convert("RGB")` gives them, or a clear refusal.

JPEG goes through simplejpeg, which shares libjpeg-turbo with Pillow but spares the detour and notices damage that
Pillow paints grey. All else goes through Pillow, and for the decoder "pillow" JPEG does too; both refuse the same files
with the same words. The EXIF orientation is not applied, as the benchmarks do not. Safe to call from several threads.
"""

import io
import struct
from collections.abc import Iterator
from typing import Literal

import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from torch import Tensor

Decoder = Literal["fast", "pillow"]  # "pillow": Pillow alone decodes and resizes, as the benchmarks' own code does

MIN_SIDE = 8  # pixels; smaller pictures are thumbnails, spacers and accidents
MAX_PIXELS = 89_478_485  # 256 MiB of RGB, where Pillow too begins to suspect a decompression bomb
MAX_ASPECT = 100  # long side : short side; resizing the short side blows the long one up in proportion

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_ANIMATION = "an animation, not one picture: save the frame that is meant as a file of its own"
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_CUT_HEADER = (IndexError, struct.error)  # of a GIF's second frame; Pillow catches them for the first alone
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, *_BOMB, *_CUT_HEADER)

# Remarks of libjpeg about files whose picture is whole; some of ImageNet's have a stray byte before the end marker.
_HARMLESS = ("extraneous bytes before marker 0xd9", "Invalid SOS parameters", "JFIF revision", "Adobe color transform")


class DecodeError(ValueError):
    """These bytes are no usable picture; the message is a clause that says why."""


class _Jpeg(JpegImageFile):
    """Pillow's JPEG reader without its look at EXIF for the resolution, which warns when EXIF is damaged."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


# Opened by class rather than by Image.open: no other format gets a chance (EPS would start Ghostscript), and the size
# is checked before Pillow warns about it. Of these formats PNG alone can have more than 8 bits a channel.
_READERS: tuple[tuple[bytes, type[ImageFile]], ...] = (
    (_JPEG, _Jpeg),
    (_PNG, PngImageFile),
    (b"RIFF", WebPImageFile),
    (b"BM", BmpImageFile),
    (b"GIF8", GifImageFile),
)


def decode(data: bytes) -> Tensor:
    """Decode an image file.

    data: the whole file. Returns uint8 [3,H,W], RGB, with the memory in H, W, 3 order, which resizes fastest.
    Raises DecodeError for a file that is truncated, corrupt, an animation or no image, has more than 8 bits a channel,
    or a size out of bounds (MIN_SIDE, MAX_PIXELS, MAX_ASPECT).
    """
    pixels = _decode_jpeg(data) if data.startswith(_JPEG) else None
    if pixels is None:
        pixels = np.array(_read_with_pillow(data))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decode_with_pillow(data: bytes) -> Image.Image:
    """Decode an image file to a Pillow image of mode RGB whose levels are Pillow's own. Raises as `decode`."""
    if data.startswith(_JPEG):
        _decode_jpeg(data)  # for its refusals alone
    return _read_with_pillow(data)


def _decode_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    """Return uint8 [H,W,3], or None for a file that Pillow must judge."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):  # damaged, or of a kind that TurboJPEG does not know, such as rare chroma sampling
        return None
    _check_size(width, height)
    inks = colorspace in ("CMYK", "YCCK")
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "CMYK" if inks else "RGB", strict=True)
    except ValueError as error:
        if any(remark in str(error) for remark in _HARMLESS):
            return None
        raise DecodeError(f"truncated or corrupt JPEG ({error})") from error
    return _inks_to_rgb(pixels) if inks else pixels


def _inks_to_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert CMYK as stored in JPEG files, inverted as Adobe's programs write it, the way Pillow does."""
    height, width, _ = pixels.shape
    return np.array(Image.frombytes("CMYK", (width, height), (255 - pixels).tobytes()).convert("RGB"))


def _read_with_pillow(data: bytes) -> Image.Image:
    reader = next((reader for magic, reader in _READERS if data.startswith(magic)), None)
    if reader is None:
        raise DecodeError("not a JPEG, PNG, WebP, BMP or GIF file" if data else "the file is empty")
    try:
        if reader is PngImageFile:
            _check_png(data)
        with reader(io.BytesIO(data)) as image:
            _check_size(*image.size)
            if getattr(image, "is_animated", False):
                raise DecodeError(_ANIMATION)
            image.load()  # a PNG may tell of transparency behind its pixels
            image.info.pop("transparency", None)  # conversion to RGB drops it anyway, for palettes with a warning
            return image.convert("RGB")
    except DecodeError:
        raise
    except _PILLOW_ERRORS as error:
        raise DecodeError(f"truncated or corrupt {reader.format} ({error})") from error


def _check_size(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if short < MIN_SIDE:
        raise DecodeError(f"{width} x {height} pixels, but each side must have at least {MIN_SIDE}")
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width} x {height} pixels, more than the {MAX_PIXELS} that fit in memory safely")
    if long > MAX_ASPECT * short:
        raise DecodeError(f"{width} x {height} pixels, a strip longer than {MAX_ASPECT} times its width")


def _check_png(data: bytes) -> None:
    """Refuse what Pillow would read with a silent loss (16 bits) or a warning (animations)."""
    for name, start in _png_chunks(data):
        if name == b"IHDR" and data[start + 8 : start + 9] == b"\x10":
            raise DecodeError("16-bit PNG: convert it to 8 bits, as with `magick IN.png -depth 8 OUT.png`")
        if name == b"acTL":
            raise DecodeError(_ANIMATION)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's name and where its content starts."""
    position = len(_PNG)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        yield name, position + 8
        position += length + 12

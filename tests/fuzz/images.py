"""Pictures: of every format that is read, damaged, of impossible sizes, and with chunks that are not what they say."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from datasets import FolderSource
from datasets.adapters.background_challenge import MaskSource
from datasets.decode import DecodeError, decode, decode_with_pillow

from .damage import NUMBERS, ODD, damaged
from .parser import Parser

_GRADIENT = Image.linear_gradient("L").resize((24, 20)).convert("RGB")


def _saved(kind: str, mode: str = "RGB", **how: object) -> bytes:
    out = io.BytesIO()
    _GRADIENT.convert(mode).save(out, kind, **how)
    return out.getvalue()


JPEGS = [
    _saved("JPEG"),
    _saved("JPEG", "L"),
    _saved("JPEG", "CMYK"),
    _saved("JPEG", progressive=True),
    _saved("JPEG", quality=5),
]
PNGS = [_saved("PNG"), _saved("PNG", "P"), _saved("PNG", "1"), _saved("PNG", "RGBA"), _saved("PNG", "LA")]
OTHERS = [_saved("BMP"), _saved("BMP", "P"), _saved("GIF", "P"), _saved("WEBP"), _saved("WEBP", lossless=True)]
OTHERS += [
    _saved("GIF", "P", save_all=True, append_images=[_GRADIENT.convert("P").rotate(90)]),
    b"",
    b"GIF8",
    b"BM",
    b"RIFF",
]
_kinds = st.sampled_from(
    [
        b"tEXt",
        b"zTXt",
        b"iTXt",
        b"iCCP",
        b"tRNS",
        b"gAMA",
        b"PLTE",
        b"eXIf",
        b"acTL",
        b"fcTL",
        b"IHDR",
        b"IDAT",
        b"pHYs",
    ]
)
_bodies = st.binary(max_size=30) | st.sampled_from(
    [
        b"a\0\0" + zlib.compress(bytes(2**21)),
        b"a\0\1",
        struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0),
        b"\0" * 768,
    ]
    + [
        struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
        for width, height, bits in ((9000, 9000, 8), (8, 900, 8), (24, 20, 16))
    ]
)


def _with_chunks(png: bytes, chunks: list[tuple[int, bytes, bytes]]) -> bytes:
    """Put chunks into a PNG, with checksums that are right. The number says after which of its own."""
    starts, at = [8], 8
    while at + 8 <= len(png):
        at += struct.unpack_from(">I", png, at)[0] + 12
        starts.append(at)
    for number, kind, body in sorted(chunks, reverse=True):
        place = starts[number % (len(starts) - 1)]
        chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        png = png[:place] + chunk + png[place:]
    return png


def _sized(jpeg: bytes, height: int, width: int) -> bytes:
    at = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    return jpeg[: at + 5] + struct.pack(">HH", height & 0xFFFF, width & 0xFFFF) + jpeg[at + 9 :]


_sides = st.sampled_from(NUMBERS) | st.integers(0, 70)
_inserted = st.lists(st.tuples(st.integers(0, 5), _kinds, _bodies), max_size=3)
PICTURES = st.one_of(
    damaged(JPEGS), damaged(PNGS), damaged(OTHERS), st.builds(_sized, st.sampled_from(JPEGS), _sides, _sides),
    st.builds(_with_chunks, st.sampled_from(PNGS), _inserted),
)  # fmt: skip


def _decoded(content: bytes, _folder: Path) -> str:
    said = []
    for decoder in (decode, decode_with_pillow):
        try:
            decoder(content)
        except DecodeError as error:
            said.append(error)
    if len(said) == 2:
        raise said[0]
    assert not said, f"one decoder refuses it, the other does not: {said}"
    return "decoded"


def _array(shape: Any = (20, 24), descr: Any = "|u1", version: bytes = b"\1\0") -> bytes:
    """Write a mask as NumPy does, whatever its header says."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2 * version[0], "little") + header + bytes(480)


_shapes = st.sampled_from(ODD) | st.lists(st.sampled_from(NUMBERS + ODD), max_size=3).map(tuple)
_kinds_of_number = st.sampled_from(["|b1", "<f4", "|O", "|V0", "<U3", [("a", "<i4")], ["a"], ("|u1", (2,)), *ODD])
MASKS = damaged([_array(), b"PK\3\4", _array("(" * 5000)]) | st.builds(
    _array, _shapes | st.just((20, 24)), _kinds_of_number | st.just("|u1"), st.sampled_from([b"\1\0", b"\2\0"])
)


def _outlined(content: bytes, folder: Path) -> str:
    (folder / "a.npy").write_bytes(content)
    decode(MaskSource(FolderSource(folder)).read("a.jpg"))
    return "an outline"


PARSERS = {
    "pictures": Parser(PICTURES, _decoded, (DecodeError,)),
    "masks": Parser(MASKS, _outlined, (OSError, DecodeError)),
}

"""Archives: tars, compressed or not, and zips; with hostile names, links, wrong sizes, and damaged bytes."""

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from datasets import DataError
from datasets.registry import open_data
from datasets.sources import Tree
from datasets.tables.rows import Rows

from .damage import NUMBERS, damaged
from .judging import OUTSIDE
from .parser import Parser

FILES = {"n01440764/a.JPEG": b"a" * 700, "n01440764/b.png": b"b", "n01443537/c.jpg": b"c" * 30, "n01443537/c.cls": b"1"}
NAMES = [
    *(
        *FILES,
        "../outside.jpg",
        str(OUTSIDE),
        "a/../../outside.jpg",
        "n01440764/../../x.png",
        "",
        ".",
        "./",
        "//a",
        "a//b.jpg",
    ),
    *(
        "a\0b.jpg",
        "a\\..\\b.jpg",
        "é.jpg",
        "\udcff.jpg",
        "CON",
        "x" * 300 + ".jpg",
        "d/" * 900 + "a.jpg",
        "d/" * 30_000 + "a.jpg",
    ),
    *("n01440764", "n01440764/a.JPEG/b.jpg", ".hidden/a.jpg", "__MACOSX/a.jpg", "a.jpg\n", "n01440764/a.json"),
]
CONTENTS = [*FILES.values(), b"", b"1", b"[" * 50_000, b'{"label": 3}', b"9" * 5000, b"true", b"\xff", b"x" * 2000]
_names, _contents, _numbers = st.sampled_from(NAMES), st.sampled_from(CONTENTS), st.sampled_from(NUMBERS)
# member of a tar: name, type, content, link, pax attributes, a field of its header that is overwritten
_FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "link": (157, 100),
    "magic": (257, 8),
}
_values = st.sampled_from(
    [b"", b"7" * 11, b"-1", b"\x80" + bytes(10) + b"\xff", b"\xff" * 12, b"\x80" + b"\x7f" * 11, b"abc"]
)
_pax = st.dictionaries(
    st.sampled_from(
        ["path", "size", "linkpath", "GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.size", "hdrcharset", "mtime"]
    ),
    st.sampled_from(["1", "-1", "9" * 30, "9" * 5000, "nan", "x/y.jpg", "../z.jpg", "0,1,2", "BINARY", ""]),
    max_size=2,
)
_tar_members = st.lists(
    st.tuples(
        _names,
        st.sampled_from(b"0000012345xgLKSV7D"),
        _contents,
        _pax,
        st.none() | st.tuples(st.sampled_from([*_FIELDS]), _values),
    ),
    max_size=5,
)


def tar_of(members: Sequence[tuple[Any, ...]], repeats: int = 1) -> bytes:
    """Write a tar by hand, with checksums that are right whatever the fields hold."""
    out = b""
    for name, kind, content, pax, patch in members:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname, member.pax_headers = bytes([kind]), len(content), "a.jpg", pax
        block = bytearray(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        if patch is not None:
            start, length = _FIELDS[patch[0]]
            at = len(block) - 512 + start
            block[at : at + length] = patch[1][:length].ljust(length, b"\0")
            last = bytes(block[-512:-364]) + b" " * 8 + bytes(block[-356:])
            block[-364:-356] = b"%06o\0 " % sum(last)
        out += (bytes(block) + content + bytes(-len(content) % 512)) * repeats
    return out + bytes(1024)


def _chain(kind: bytes, length: int) -> bytes:
    """Headers that belong to a next member, one after another."""
    return tar_of([("x", kind[0], b"12 path=abc\n", {}, None)])[:1024] * length


TARS = [
    tar_of([(name, b"0"[0], content, {}, None) for name, content in FILES.items()]),
    *(_chain(kind, 3000) for kind in (b"x", b"L", b"g")),
]
_tars = st.builds(tar_of, _tar_members, st.sampled_from([1, 1, 1, 2, 40]))
TAR = damaged(TARS[:1]) | _tars | _tars.flatmap(lambda content: damaged([content], 2)) | st.sampled_from(TARS)
BOMB = gzip.compress(bytes(2**27), 9)
GZIP = TAR.map(lambda content: gzip.compress(content, 1)) | damaged([gzip.compress(TARS[0])]) | st.just(BOMB)


def zip_of(members: Sequence[tuple[str, bytes, int]], patches: Sequence[tuple[int, int, int]]) -> bytes:
    """Write a zip. patches: of the record number, at a byte of it, to a number of two or four bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content, how in members:
            info = zipfile.ZipInfo(name.replace("\udcff", "\xff"))
            info.compress_type, info.external_attr = how & 0xFF, (how >> 8) << 16
            try:
                archive.writestr(info, content)
            except ValueError:
                continue
    out = bytearray(file.getvalue())
    records = [at for mark in (b"PK\1\2", b"PK\5\6", b"PK\3\4") for at in _all(bytes(out), mark)]
    for number, field, value in patches:
        at, width = records[number % len(records)] + field, 4 if value > 0xFFFF else 2
        if at + width <= len(out):
            struct.pack_into("<I" if width == 4 else "<H", out, at, value % 2**32)
    return bytes(out)


def _all(content: bytes, mark: bytes) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)


_how = st.sampled_from([0, 8, 8, 8, 12, 14, 0xA1FF << 8, 0x41FF << 8])
_patches = st.lists(st.tuples(st.integers(0, 9), st.integers(4, 46), _numbers), max_size=3)
_zips = st.builds(zip_of, st.lists(st.tuples(_names, _contents, _how), max_size=4), _patches)
ZIPS = [
    zip_of([(name, content, 8) for name, content in FILES.items()], []),
    zip_of([("n01440764/a.jpg", bytes(2**24), 8)], []),
    zip_of([("n01440764/a.jpg", b"b" * 3000, 14), ("n01440764/b.jpg", b"b" * 3000, 12)], []),
]


def _with_zip64(content: bytes, numbers: bytes) -> bytes:
    """Give the first member sizes and a place of 64 bits."""
    at, end = content.find(b"PK\1\2"), content.find(b"PK\5\6")
    name = struct.unpack_from("<H", content, at + 28)[0]
    record = bytearray(content[at : at + 46 + name])
    record[20:28], record[42:46], record[30:32] = b"\xff" * 8, b"\xff" * 4, struct.pack("<H", 28)
    extra = b"\1\0\x18\0" + numbers
    size = struct.unpack_from("<I", content, end + 12)[0] + 28
    tail = bytearray(content[end:])
    tail[12:16] = struct.pack("<I", size)
    return content[:at] + bytes(record) + extra + content[at + 46 + name : end] + bytes(tail)


_zip64s = st.builds(
    _with_zip64, st.just(ZIPS[0]), st.tuples(_numbers, _numbers, _numbers).map(lambda n: struct.pack("<3Q", *n))
)
ZIP = damaged(ZIPS) | _zips | _zips.flatmap(lambda content: damaged([content], 2)) | _zip64s


def _walk(tree: Tree, folder: str = "", left: int = 60) -> int:
    """Read the files of a tree, as far as `left` goes."""
    entries, prefix = tree.entries(folder), f"{folder}/" if folder else ""
    for name in entries.images[:left]:
        try:
            tree.size(prefix + name), tree.read(prefix + name)
        except OSError:
            continue
    left -= len(entries.images)
    for name in entries.folders:
        if left > 0:
            left = _walk(tree, prefix + name, left - 1)
    return left


def walked(path: Path) -> str:
    """Open what lies there, and read all of it."""
    data = open_data(path)
    if isinstance(data, Rows):
        for row in data.rows[:60]:
            try:
                data.size(row.sample_id), data.read(row.sample_id)
            except OSError:
                continue
        return "rows"
    return "walked" if _walk(data) < 60 else "nothing in it"


def _opened(name: str) -> Any:
    def call(content: bytes, folder: Path) -> str:
        (folder / name).write_bytes(content)
        return walked(folder / name)

    return call


def _nested(asked: tuple[str, bytes, str, bytes], folder: Path) -> str:
    one, first, other, second = asked
    (folder / one).write_bytes(first)
    (folder / other).write_bytes(second)
    return walked(folder)


_nested_zips = _zips.map(lambda content: zip_of([("inner.zip", content, 8), ("n01440764/a.jpg", b"", 0)], []))
_folders = st.tuples(st.just("a.tar"), TAR, st.sampled_from(["b.zip", "c.ZIP"]), ZIP | _nested_zips)


def _indexed(asked: tuple[dict[str, Any], int], folder: Path) -> str:
    """Open a tar beside an index that says something else."""
    path = folder / "a.tar"
    path.write_bytes(TARS[0])
    arrays, _ = asked
    stat = path.stat()
    full = {"stamp": np.array([1, stat.st_size, stat.st_mtime_ns], dtype=np.int64)} | arrays
    with (folder / "a.tar.index").open("wb") as file:
        np.savez(file, **full)
    return walked(path)


_GOOD = {
    "folders": np.frombuffer(b"\0n01440764", np.uint8), "firsts": np.array([0, 0, 2]), "offsets": np.array([512, 1024]),
    "names": np.frombuffer(b"a.jpgb.jpg", np.uint8), "starts": np.array([0, 5, 10]), "sizes": np.array([700, 1]),
}  # fmt: skip
_numbers_of = ([0, 0, 2], [0, 2, 2], [0, 9, 2], [2, -1], [], [-5, 2**62], [0.5, 1.5], ["a", "b"], 3, [[0, 1], [2, 3]])
_bytes_of = (np.frombuffer(b"b\0b\0\xff/c", np.uint8), np.array([1, 2], np.uint8))
_arrays = st.sampled_from([*map(np.array, _numbers_of), *_bytes_of])
_indices = st.dictionaries(st.sampled_from([*_GOOD, "more"]), _arrays, max_size=3).map(lambda changed: _GOOD | changed)
PARSERS = {
    "archives .tar": Parser(TAR, _opened("a.tar"), (DataError,)),
    "archives .tar.gz": Parser(GZIP, _opened("a.tar.gz"), (DataError,)),
    "archives .zip": Parser(ZIP, _opened("a.zip"), (DataError,)),
    "folders of archives": Parser(_folders, _nested, (DataError,)),
    "indices of tars": Parser(st.tuples(_indices, st.just(0)), _indexed, (DataError,)),
}

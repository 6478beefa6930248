"""Sources: the same tree in folders and archives gives the same samples, and bad archives are refused in words."""

import errno
import gzip
import logging
import os
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.containers import write_folder, write_parquet, write_shard, write_tar, write_zip
from datasets import WNIDS, DataError, Dataset, open_dataset, open_sample
from datasets.sources import Entries, FolderSource, Tree, open_tree, unwrapped
from datasets.sources.archive import LARGEST
from datasets.sources.gzip_bytes import GzipBytes
from datasets.sources.members import MemberList

FILES = {
    "n01443537/a.JPEG": b"a",
    "n01443537/b.png": b"bb" * 300,
    "n01484850/a.JPEG": b"ccc",
    "n01484850/notes.txt": b"d",
    "n01484850/.hidden.jpg": b"e",
    "__MACOSX/._a.JPEG": b"f",
    "val.txt": b"a.JPEG 1\n",
}
DESCRIPTORS = Path("/proc/self/fd")
IMAGES = dict(list(FILES.items())[:3])
write_tar_gz = partial(write_tar, mode="w:gz")
ARCHIVES = [("a.tar", write_tar), ("a.zip", write_zip), ("a.tar.gz", write_tar_gz), ("a.TGZ", write_tar_gz)]
every_archive = pytest.mark.parametrize(("name", "write"), ARCHIVES, ids=[name for name, _ in ARCHIVES])


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_args, **_kw: str(folder))
    return folder


def walk(tree: Tree, folder: str = "") -> dict[str, bytes]:
    entries, prefix = tree.entries(folder), f"{folder}/" if folder else ""
    found = {prefix + name: tree.read(prefix + name) for name in entries.images}
    for name in entries.folders:
        found |= walk(tree, prefix + name)
    return found


def photographs() -> list[tuple[str, bytes, int]]:
    sample = open_sample()
    return [(one.sample_id, sample.source.read(one.sample_id), one.label) for one in sample.samples]


def as_tree(tmp_path: Path, kind: str) -> Path:
    files = {f"{WNIDS[label]}/{name}": content for name, content, label in photographs()}
    if kind == "folder":
        return write_folder(tmp_path / kind, files)
    if kind == "several tars":
        names = sorted(files)
        write_tar(tmp_path / kind / "first.tar", {name: files[name] for name in names[::2]})
        return write_tar(tmp_path / kind / "second.tar", {name: files[name] for name in names[1::2]}).parent
    write = {"tar": write_tar, "zip": write_zip, "tar.gz": write_tar_gz}[kind.partition(" ")[0]]
    return write(tmp_path / f"val.{kind.partition(' ')[0]}", files, "val/" if "wrapped" in kind else "./")


TREES = ["folder", "tar", "zip", "tar.gz", "tar wrapped", "zip wrapped", "tar.gz wrapped", "several tars"]


def as_rows(tmp_path: Path, kind: str) -> Path:
    rows = photographs()
    if kind == "parquet":
        write_parquet(tmp_path / "data/validation-00000-of-00002.parquet", rows[:9], WNIDS, group=4)
        write_parquet(tmp_path / "data/validation-00001-of-00002.parquet", rows[9:], WNIDS, group=4)
    else:
        write_shard(tmp_path / "imagenet-val-000000.tar", rows[:9])
        write_shard(tmp_path / "imagenet-val-000001.tar", rows[9:])
    return tmp_path


def opened(place: Path) -> Dataset:
    return open_dataset("imagenet", place).open()


def test_photographs_are_the_same_records_from_every_container(tmp_path: Path) -> None:
    plain = opened(as_tree(tmp_path, "folder"))
    for kind in TREES:
        dataset = opened(as_tree(tmp_path / kind, kind))
        assert dataset.samples == plain.samples and dataset.fingerprint() == plain.fingerprint(), kind
        assert all(dataset.source.read(s.sample_id) == plain.source.read(s.sample_id) for s in plain.samples), kind
    expected = {sample.sample_id.rpartition("/")[2]: sample.label for sample in plain.samples}
    contents = {s.sample_id.rpartition("/")[2]: plain.source.read(s.sample_id) for s in plain.samples}
    for kind in ("parquet", "shards"):
        dataset = opened(as_rows(tmp_path / kind, kind))
        assert {sample.sample_id: sample.label for sample in dataset.samples} == expected, kind
        assert {sample.sample_id: dataset.source.read(sample.sample_id) for sample in dataset.samples} == contents, kind
        assert all(dataset.source.size(name) == len(content) for name, content in contents.items()), kind


@every_archive
@pytest.mark.parametrize("prefix", ["", "./"])
def test_an_archive_is_the_folder_that_it_was_made_of(
    tmp_path: Path, name: str, write: Callable[..., Path], prefix: str
) -> None:
    folder = FolderSource(write_folder(tmp_path / "folder", FILES))
    archive = open_tree(write(tmp_path / name, FILES, prefix))
    for tree in (archive, open_tree(tmp_path / name)):  # freshly read, and by its index or from memory
        assert walk(tree) == walk(folder) == IMAGES
        assert tree.entries() == folder.entries() == Entries(("n01443537", "n01484850"), ())
        assert tree.below("n01484850").entries() == folder.below("n01484850").entries()
        assert tree.below("n01484850").read("notes.txt") == b"d" and tree.read("val.txt") == FILES["val.txt"]
        assert [tree.has(one) for one in ("val.txt", "val", "n01443537", "n01443537/a.JPEG")] == [
            folder.has(one) for one in ("val.txt", "val", "n01443537", "n01443537/a.JPEG")
        ]
        assert tree.size("n01443537/b.png") == folder.size("n01443537/b.png") == 600
        assert tree.place == tmp_path / name
        assert tree.below("n01484850").place == tmp_path / name / "n01484850"


@every_archive
def test_what_is_not_in_an_archive_is_said_as_of_a_folder(
    tmp_path: Path, name: str, write: Callable[..., Path]
) -> None:
    write_folder(tmp_path / "folder", FILES)
    write(tmp_path / name, FILES)
    for tree in (open_tree(tmp_path / "folder"), open_tree(tmp_path / name)):
        for access in (tree.read, tree.size):
            with pytest.raises(FileNotFoundError, match=r"n01443537/c\.JPEG"):
                access("n01443537/c.JPEG")
        with pytest.raises(DataError, match="absent"):
            tree.entries("absent")
        for access in (tree.read, tree.size, tree.has, tree.below, tree.below("n01443537").read):
            for outside in ("../val.txt", "/val.txt", "n01443537/../../val.txt", "", "a\0b"):
                with pytest.raises(DataError, match="no path below"):
                    access(outside)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_tars_may_be_long_and_foreign(tmp_path: Path, format: int) -> None:
    long = "/".join(["folder" * 5] * 3 + ["x" * 90 + ".jpg"])
    names = [long, *([] if format == tarfile.USTAR_FORMAT else ["n/" + "y" * 200 + ".jpg", "ähre/ß.png"])]
    files = {name: name.encode() for name in names}
    assert walk(open_tree(write_tar(tmp_path / "a.tar", files, format=format))) == files


@every_archive
def test_many_threads_read_what_one_reads(tmp_path: Path, name: str, write: Callable[..., Path]) -> None:
    rng = random.Random(0)
    files = {f"n{number % 7}/{number}.jpg": rng.randbytes(rng.randrange(20_000)) for number in range(150)}
    tree = open_tree(write(tmp_path / name, files))
    names = [rng.choice(list(files)) for _ in range(60 if "gz" in name.lower() else 600)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tree.read, names)) == [files[one] for one in names]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_of_two_members_of_one_name_the_last_counts_as_when_unpacked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "tar":
        write_tar(path, {"n/a.jpg": b"old", "n/b.jpg": b"b"})
        write_tar(path, {"n/a.jpg": b"new!"}, "./", mode="a")
    else:
        with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
            for content in (b"old", b"new!"):
                archive.writestr("n/a.jpg", content)
            archive.writestr("n/b.jpg", b"b")
    assert walk(open_tree(path)) == {"n/a.jpg": b"new!", "n/b.jpg": b"b"}


NAMES = st.lists(st.sampled_from(["a", "b", "a.jpg", "b.jpg", "é.jpg", "~", "a b.png", "0"]), min_size=1, max_size=3)


@given(st.dictionaries(NAMES.map("/".join), st.binary(max_size=3), max_size=12))
def test_members_find_what_was_added_and_nothing_else(files: dict[str, bytes]) -> None:
    gathered = MemberList()
    for number, name in enumerate(files):
        gathered.add(name, number, len(files[name]))
    members = gathered.members()
    assert len(members) == len(files)
    for number, name in enumerate(files):
        found = members.find(name)
        assert found is not None and (found.offset, found.size) == (number, len(files[name]))
        assert members.find(f"{name}x") is None and members.find(f"x/{name}") is None
    for folder in {"", *(str(above) for name in files for above in PurePosixPath(name).parents[:-1])}:
        entries = members.entries(folder)
        inside = [
            name[len(folder) + 1 if folder else 0 :] for name in files if not folder or name.startswith(f"{folder}/")
        ]
        assert entries is not None
        assert entries.images == tuple(
            sorted(name for name in inside if "/" not in name and name[-4:] in (".jpg", ".png"))
        )
        assert entries.folders == tuple(sorted({name.partition("/")[0] for name in inside if "/" in name}))


# Archives that are no good


def link(path: Path, name: str, kind: bytes = tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
        archive.addfile(tarfile.TarInfo("n/b.jpg"))
    return path


def zip_link(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("n/b.jpg", b"")
    return path


@every_archive
@pytest.mark.parametrize("member", ["../a.jpg", "n/../../a.jpg", "/etc/a.jpg"])
def test_members_that_would_lie_outside_are_refused(
    tmp_path: Path, name: str, write: Callable[..., Path], member: str
) -> None:
    with pytest.raises(DataError, match=f"{name} has a member named '{member}', which would lie outside"):
        open_tree(write(tmp_path / name, {"n/b.jpg": b"b", member: b"a"}))
    assert {path.name for path in tmp_path.iterdir()} == {name}  # no index of it


@pytest.mark.parametrize(
    "make",
    [link, partial(link, kind=tarfile.LNKTYPE), partial(link, kind=tarfile.CHRTYPE), zip_link],
    ids=["symbolic", "hard", "device", "zip"],
)
def test_links_are_refused_as_images_and_left_out_otherwise(
    tmp_path: Path, make: Callable[[Path, str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ("a.zip" if make is zip_link else "a.tar")
    with pytest.raises(DataError, match=r"images that are links.*: n/a\.jpg\. .*unpack"):
        open_tree(make(path, "n/a.jpg"))
    assert open_tree(make(path, "n/README")).entries("n") == Entries((), ("b.jpg",))
    assert "left out: n/README" in caplog.text


@pytest.mark.parametrize("gone", [1, 512, 1024, 5000, 10239, 15_000, 30_000])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_tar_that_is_cut_off_says_so_and_leaves_no_index(tmp_path: Path, gone: int, suffix: str) -> None:
    files = {f"n/{number}.jpg": random.Random(number).randbytes(3000) for number in range(20)}
    path = (write_tar if suffix == ".tar" else write_tar_gz)(tmp_path / f"a{suffix}", files)
    whole = path.read_bytes()
    if suffix == ".tar":
        gone += len(whole) - len(whole.rstrip(b"\0"))  # tars are padded, some of which may be lacking
    path.write_bytes(whole[:-gone])
    with pytest.raises(DataError, match=rf"a{suffix} .*(cut off|damaged|cannot be read) after \d+ members|cut off: it"):
        open_tree(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tar: tar[: tar.index(b"n/1.jpg")], "cut off: it ends after 1 members, at byte 1024"),
        (lambda tar: tar[: tar.index(b"n/1.jpg") + 100], "cut off: it ends after 1 members, at byte 1124"),
        (lambda tar: tar.replace(b"n/1.jpg", b"n/2.jpg"), "damaged: after 1 members, at byte 1024, is no header"),
        (lambda tar: tar + tar, "several tars in one file"),
        (lambda tar: tar + bytes(2**20), "only zeros from byte 2048 on"),
        (lambda tar: bytes([tar[0] ^ 1]) + tar[1:], "after 0 members: bad checksum"),
        (lambda _tar: b"", "after 0 members: empty file"),
        (lambda _tar: b"<!DOCTYPE html>" * 100, "after 0 members"),
    ],
)
def test_a_tar_that_is_damaged_says_where(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    path = write_tar(tmp_path / "a.tar", {"n/0.jpg": b"0", "n/1.jpg": b"1"}, format=tarfile.USTAR_FORMAT)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        open_tree(path)


def test_a_header_that_claims_gigabytes_is_damage_not_a_need_for_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**21))
    with pytest.raises(DataError, match="a header of 8589934592 bytes"):
        open_tree(path)


def test_sizes_below_zero_do_not_turn_reading_into_a_circle(tmp_path: Path) -> None:
    member = tarfile.TarInfo("n/a.jpg")
    member.size = -1024
    path = tmp_path / "a.tar"
    path.write_bytes(tarfile.TarInfo("n/0.jpg").tobuf() + member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match="impossible size"):
        open_tree(path)


@given(st.integers(0, 2**16), st.integers(0, 255), st.integers(0, 2**16))
def test_no_damage_goes_beyond_words(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, end: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "damage"
    for name, write in ARCHIVES[:3]:
        if not (folder / f"sound-{name}").exists():
            write(folder / f"sound-{name}", {f"n/{'x' * 120 * (i % 2)}{i}.jpg": bytes([i]) * 700 for i in range(6)})
        content = bytearray((folder / f"sound-{name}").read_bytes())
        content[place % len(content)] = byte
        (folder / name).write_bytes(content[: max(1, end % (2 * len(content)))])
        os.utime(folder / name, ns=(place, hash((place, byte, end)) % 2**40))
        try:
            walk(open_tree(folder / name))
        except (DataError, OSError) as error:
            assert str(error)


def test_a_member_beyond_all_reason_is_not_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("n/a.jpg")
    member.size = LARGEST + 1
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(member.tobuf())
        file.seek(512 + LARGEST + 512 + 1024)  # a hole
        file.truncate()
    with pytest.raises(OSError, match=f"is {LARGEST + 1} bytes long"):
        open_tree(tmp_path / "a.tar").read("n/a.jpg")


# The index


def test_the_index_lies_beside_the_tar_and_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    open_tree(path)
    assert {file.name for file in tmp_path.iterdir()} == {"a.tar", "a.tar.index"}
    monkeypatch.setattr("datasets.sources.tar_index.scan", lambda *_: pytest.fail("the tar was read again"))
    assert walk(open_tree(path)) == IMAGES


def test_an_index_of_another_tar_or_time_is_not_used(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"n/a.jpg": b"old", "n/b.jpg": b"b"})
    assert walk(open_tree(path))["n/a.jpg"] == b"old"
    before = path.stat()
    write_tar(path, {"n/b.jpg": b"b", "n/a.jpg": b"new"})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    assert walk(open_tree(path)) == walk(open_tree(path)) == {"n/a.jpg": b"new", "n/b.jpg": b"b"}
    write_tar(path, {f"n/{number}.jpg": bytes(9000) for number in range(3)})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert set(walk(open_tree(path))) == {"n/0.jpg", "n/1.jpg", "n/2.jpg"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: index[:-30],
        lambda index: index[: len(index) // 2],
        lambda index: index[:300] + bytes([index[300] ^ 1]) + index[301:],
        lambda _index: b"",
        lambda _index: b"\x80\x04N.",
        lambda index: index.replace(b"sizes.npy", b"tizes.npy"),
    ],
)
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path, index = write_tar(tmp_path / "a.tar", FILES), tmp_path / "a.tar.index"
    open_tree(path)
    whole = index.read_bytes()
    index.write_bytes(damage(whole))
    assert walk(open_tree(path)) == IMAGES
    with np.load(index, allow_pickle=False) as arrays:
        assert len(arrays["sizes"]) == len(FILES)


def test_an_index_whose_arrays_do_not_fit_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, index = write_tar(tmp_path / "a.tar", FILES), tmp_path / "a.tar.index"
    open_tree(path)
    with np.load(index) as arrays:
        changed = dict(arrays) | {"starts": arrays["starts"][:-1]}
    with index.open("wb") as file:
        np.savez(file, **changed)
    assert walk(open_tree(path)) == IMAGES
    assert "do not fit each other" in caplog.text


@pytest.mark.parametrize("cache_too", [False, True])
def test_where_nothing_can_be_written_beside_the_tar(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, cache_too: bool
) -> None:
    path, plain = write_tar(tmp_path / "a.tar", FILES), Path.open

    def read_only(self: Path, mode: str = "r", *args: object, **options: object) -> object:
        if "x" in mode and (cache_too or self.parent == tmp_path):
            raise PermissionError(13, "Permission denied", str(self))
        return plain(self, mode, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", read_only)
    assert walk(open_tree(path)) == walk(open_tree(path)) == IMAGES
    assert list(tmp_path.iterdir()) == [path]
    assert len(list(cache.iterdir())) == (0 if cache_too else 1)


def test_an_index_is_whole_or_absent(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(file: object, **_arrays: object) -> None:
        file.write(b"PK half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    path = write_tar(tmp_path / "a.tar", FILES)
    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_tree(path)
    assert list(tmp_path.iterdir()) == [path] and not list(cache.iterdir())


def test_several_may_make_the_index_at_once(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == IMAGES for found in pool.map(lambda _: walk(open_tree(path)), range(8)))
    assert {file.name for file in tmp_path.iterdir()} == {"a.tar", "a.tar.index"}


# Compression


def test_a_gzip_file_is_read_anywhere_in_any_order(tmp_path: Path) -> None:
    rng = random.Random(1)
    content = rng.randbytes(700_000) + bytes(500_000) + rng.randbytes(300_000)
    path = tmp_path / "a.gz"
    path.write_bytes(
        gzip.compress(content[:400_000]) + gzip.compress(content[400_000:]) + bytes(40)
    )  # two, and padding
    source = GzipBytes(path, spacing=1000, most=5)
    stream = source.forward()
    read = bytearray()
    while piece := stream.read(10_007):
        read += piece
    assert read == content
    assert source.spacing > 1000  # states were thinned out
    for _ in range(200):
        start = rng.randrange(len(content))
        size = rng.randrange(min(30_000, len(content) - start) + 1)
        assert source.pread(size, start) == content[start : start + size]
    with pytest.raises(OSError, match=r"ends before|cut off"):
        source.pread(10, len(content) - 5)
    assert (stream.seek(650_000), stream.read(20)) == (650_000, content[650_000:650_020])
    assert (stream.seek(100), stream.read(20)) == (100, content[100:120])  # backwards, too


@pytest.mark.parametrize(
    "damage", [lambda gz: gz[:-4], lambda gz: gz[:-8] + b"\1\2\3\4" + gz[-4:], lambda gz: gz[:-500]]
)
def test_a_compressed_tar_is_checked_to_its_end(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_tar_gz(tmp_path / "a.tar.gz", {"n/a.jpg": random.Random(0).randbytes(100_000)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"a\.tar\.gz cannot be read after \d members: is (cut off|damaged)"):
        open_tree(path)


def test_a_compressed_tar_is_read_once_and_leaves_nothing_but_advice(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_tar_gz(tmp_path / "a.tar.gz", FILES)
    with caplog.at_level(logging.WARNING):
        assert walk(open_tree(path)) == walk(open_tree(path)) == IMAGES
    assert caplog.text.count("gunzip -k") == 1
    assert list(tmp_path.iterdir()) == [path] and not list(cache.iterdir())


# Zip


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_every_compression(tmp_path: Path, compression: int) -> None:
    assert walk(open_tree(write_zip(tmp_path / "a.zip", FILES, compression=compression))) == IMAGES


@pytest.mark.parametrize("where", ["content", "header", "name's length", "directory"])
def test_a_damaged_zip_is_an_error_of_its_image_or_of_the_whole(tmp_path: Path, where: str) -> None:
    path = write_zip(tmp_path / "a.zip", {"n/a.jpg": b"abcdef" * 50}, compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    if where == "directory":
        path.write_bytes(content[:-10])
        with pytest.raises(DataError, match="cut off, damaged or no zip"):
            open_tree(path)
        return
    place = {"content": content.index(b"abcdef"), "header": 26, "name's length": 27}[where]
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"damaged|gives \d+ of 300 bytes") as error:
        open_tree(path).read("n/a.jpg")
    assert error.value.errno == errno.EBADMSG


def backslashed(path: Path, *names: str, system: int = 0) -> Path:
    """Write a zip as some programs of Windows do, in which system 0 is said to have made it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.create_system = system
            archive.writestr(info, b"" if name.endswith("\\") else b"x")
    return path


def test_backslashes_of_windows_are_slashes(tmp_path: Path) -> None:
    path = backslashed(tmp_path / "a.zip", "val\\", "val\\empty\\", "val\\n01443537\\a.JPEG")
    tree = open_tree(path)
    assert walk(tree) == {"val/n01443537/a.JPEG": b"x"} and tree.entries("val").folders == ("empty", "n01443537")
    for other in (
        backslashed(tmp_path / "b.zip", "n\\a.jpg", "b/c.txt"),
        backslashed(tmp_path / "c.zip", "n\\a.jpg", system=3),
    ):
        assert walk(open_tree(other)) == {"n\\a.jpg": b"x"}
    for member in ("..\\a.jpg", "n\\..\\..\\a.jpg", "\\etc\\a.jpg"):
        with pytest.raises(DataError, match="would lie outside"):
            open_tree(backslashed(tmp_path / "d.zip", member))


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"n/a.png": bytes(2**24), "n/b.png": bytes(10)})
    tree = open_tree(path)
    with pytest.raises(OSError, match="holds 16777216 bytes in 163"):
        tree.read("n/a.png")
    assert tree.read("n/b.png") == bytes(10)


def zip_crypto(content: bytes, password: bytes, check: int) -> bytes:
    """Encrypt as PKWARE's APPNOTE describes, section 6.1: Python can only decrypt."""
    table = [0] * 256
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[number] = value
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = keys[0] >> 8 ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = keys[2] >> 8 ^ table[(keys[2] ^ keys[1] >> 24) & 0xFF]

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in bytes(11) + bytes([check]) + content:
        mask = (keys[2] | 2) & 0xFFFF
        out.append(byte ^ (mask * (mask ^ 1) >> 8) & 0xFF)
        update(byte)
    return bytes(out)


def encrypted_zip(path: Path, content: bytes, password: bytes) -> Path:
    """Make a zip of one encrypted, stored member, header by header."""
    crc = zipfile.crc32(content)
    data = zip_crypto(content, password, crc >> 24)
    fields = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0, crc, len(data), len(content), 7, 0)
    local = b"PK\3\4" + fields + b"n/a.jpg" + data
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"n/a.jpg"
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def test_an_encrypted_zip_needs_its_password_unless_that_is_public(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(500)
    path = encrypted_zip(tmp_path / "a.zip", content, b"secret")
    with pytest.raises(DataError, match="encrypted and its password is not known"):
        open_tree(path)
    assert walk(open_tree(encrypted_zip(tmp_path / "o.zip", content, b"objectnetisatestset"))) == {"n/a.jpg": content}


# Several archives, folders and archives, wrappers


def corruption(name: str, image: bytes = b"x") -> dict[str, bytes]:
    return {f"{name}/{severity}/n01443537/a.JPEG": image for severity in (1, 2)}


def test_several_archives_are_one_tree(tmp_path: Path) -> None:
    write_tar(tmp_path / "noise.tar", corruption("shot_noise", b"s") | corruption("gaussian_noise"), "./")
    write_tar(tmp_path / "blur.tar", corruption("zoom_blur") | {"README.md": b"blur"})
    write_zip(tmp_path / "weather.zip", corruption("snow") | {"README.md": b"weather"})
    tree = open_tree(tmp_path)
    assert tree.entries() == Entries(("gaussian_noise", "shot_noise", "snow", "zoom_blur"), ())
    assert tree.entries("snow/2") == Entries(("n01443537",), ())
    assert tree.read("shot_noise/2/n01443537/a.JPEG") == b"s" and tree.size("snow/1/n01443537/a.JPEG") == 1
    part = tree.below("shot_noise/1")
    assert part.place == tmp_path / "noise.tar/shot_noise/1" and walk(part) == {"n01443537/a.JPEG": b"s"}
    assert tree.has("README.md") and tree.read("README.md") == b"blur" and not tree.has("absent")
    with pytest.raises(FileNotFoundError, match="absent"):
        tree.read("absent")
    with pytest.raises(DataError, match=r"none of the archives in .* has a folder absent"):
        tree.below("absent")
    with pytest.raises(DataError, match="no path below"):
        tree.read("../noise.tar")


def test_a_folder_may_go_on_in_another_archive_but_an_image_is_in_one(tmp_path: Path) -> None:
    write_tar(tmp_path / "1.tar", {"n/a.jpg": b"a"})
    write_tar(tmp_path / "2.tar", {"n/b.jpg": b"b", "m/c.jpg": b"c"})
    tree = open_tree(tmp_path)
    assert walk(tree) == {"m/c.jpg": b"c", "n/a.jpg": b"a", "n/b.jpg": b"b"}
    assert walk(tree.below("n")) == {"a.jpg": b"a", "b.jpg": b"b"}
    write_zip(tmp_path / "3.zip", {"n/b.jpg": b"?"})
    with pytest.raises(DataError, match=r"2\.tar and 3\.zip have images of the same name: n/b\.jpg; keep one"):
        open_tree(tmp_path)


@pytest.mark.parametrize("write", [write_tar, write_zip])
@pytest.mark.parametrize(
    "names",
    [
        ["val", "train"],
        ["validation", "train", "test"],
        ["test", "train"],
        ["ILSVRC2012_img_val", "ILSVRC2012_img_train", "ILSVRC2012_img_test_v10102019", "ILSVRC2012_devkit_t12"],
    ],
)
def test_of_archives_of_several_splits_one_is_opened(
    tmp_path: Path, write: Callable[..., Path], names: list[str]
) -> None:
    kind = write.__name__[-3:]
    for name in names:
        write(tmp_path / f"{name}.{kind}", {f"n01440764/{name}.JPEG": b"x"})
    assert [sample.sample_id for sample in opened(tmp_path).samples] == [f"n01440764/{names[0]}.JPEG"]
    assert not (tmp_path / f"{names[1]}.{kind}.index").exists()  # a training archive is not even looked into


def test_archives_of_training_images_alone_are_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "ILSVRC2012_img_train.tar", {"n01440764/a.JPEG": b"x"})
    with pytest.raises(
        DataError, match=r"training data only \(ILSVRC2012_img_train\.tar\); get its validation or test"
    ):
        opened(tmp_path)
    assert walk(open_tree(tmp_path, no_training=True)) == {"n01440764/a.JPEG": b"x"}


def test_without_training_images_no_archive_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("top-images-format-val", "matched-frequency"):
        write_tar(tmp_path / f"imagenetv2-{name}.tar", {f"{name}/0/a.jpeg": b"x"})
    assert len(walk(open_tree(tmp_path, no_training=True))) == 2
    assert not caplog.records
    open_tree(tmp_path)
    assert "left out: imagenetv2-matched-frequency.tar" in caplog.text


@pytest.mark.parametrize("beside", ["n01443537/a.JPEG", "a.JPEG"])
def test_archives_beside_folders_or_images_count_for_nothing_which_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, beside: str
) -> None:
    write_folder(tmp_path, {beside: b"a"})
    (tmp_path / "unreadable.tar").write_bytes(b"not even opened")
    assert walk(open_tree(tmp_path)) == {beside: b"a"}
    assert "left out: unreadable.tar" in caplog.text


@pytest.mark.parametrize("name", ["a.jpg", "a.7z", "a.tar.xz", "tar"])
def test_other_files_are_refused_with_what_is_accepted(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path, {name: b"x"})
    with pytest.raises(DataError, match=r"is a file; give the folder.*or an archive of them .*\.tar, \.tar\.gz, .*zip"):
        open_tree(tmp_path / name)


def test_wrappers_are_stepped_over_but_not_a_lone_class(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"imagenet-a/x/n01443537/a.JPEG": b"a", "imagenet-a/README": b""})
    tree = unwrapped(open_tree(path), lambda entries: "n01443537" in entries.folders)
    assert tree.place == path / "imagenet-a/x" and walk(tree) == {"n01443537/a.JPEG": b"a"}
    assert unwrapped(open_tree(path), lambda _: False).place == path / "imagenet-a/x/n01443537"
    flat = write_tar(tmp_path / "flat.tar", {"a.jpg": b"a", "sub/b.jpg": b"b"})
    assert unwrapped(open_tree(flat), lambda _: False).place == flat
    empty = write_tar(tmp_path / "empty.tar", {})
    assert unwrapped(open_tree(empty), lambda _: False).entries() == Entries((), ())


def test_archives_that_are_joined_are_unwrapped_one_by_one(tmp_path: Path) -> None:
    write_tar(tmp_path / "noise.tar", corruption("shot_noise"), "noise/")
    write_tar(tmp_path / "blur.tar", corruption("zoom_blur"))
    known = {"shot_noise", "zoom_blur"}
    tree = unwrapped(open_tree(tmp_path), lambda entries: bool(known.intersection(entries.folders)))
    assert tree.entries().folders == ("shot_noise", "zoom_blur")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="needs Linux's list of open files")
def test_files_are_closed_with_the_tree(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, FILES) for name, write in ARCHIVES[:2]]
    before = len(list(DESCRIPTORS.iterdir()))
    for path in paths * 10:
        open_tree(path).read("val.txt")
    assert len(list(DESCRIPTORS.iterdir())) <= before

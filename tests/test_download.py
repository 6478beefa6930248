"""Downloads, from a server on this machine that behaves, and misbehaves, as asked: nothing here needs a network."""

import errno
import hashlib
import logging
import os
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from file_server import FileServer, Served, serving

from datasets import __main__ as command
from datasets.adapters import ADAPTERS
from datasets.downloads import progress as bars
from datasets.downloads.catalogue import CATALOGUE, RemoteFile, read_catalogue, steps_by_hand
from datasets.downloads.download import download, download_files
from datasets.downloads.fetch import Patience, _mirrored
from datasets.downloads.partial import Part
from datasets.downloads.progress import silent
from datasets.errors import DataError
from datasets.registry import find

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(250_000)
QUICK = Patience(timeout=30, tries=3, pause=0.001)
HASTY = Patience(timeout=0.3, tries=3, pause=0.001)  # with servers that fall silent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[FileServer]:
    """A server with the file /a.tar, and no proxy in between."""
    for name in (*PROXIES, *map(str.upper, PROXIES), "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.INFO)
    with serving() as site:
        site.files["/a.tar"] = Served(CONTENT)
        yield site


def remote(site: FileServer, *paths: str, checksums: bool = True, content: bytes = CONTENT, **facts: Any) -> RemoteFile:
    """What a table would say of `content` at these paths; the size is known only if `facts` say it."""
    sums = {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha256")} if checksums else {}
    addresses = tuple(path if ":" in path else site.url + path for path in paths or ("/a.tar",))
    known = {"size": None, "about": facts.get("size"), "license": "MIT", "condition": "", "source": "test"} | facts
    return RemoteFile(name="a", folder="a", file="a.tar", checksums=sums, addresses=addresses, **known)


def get(file: RemoteFile, root: Path, progress: bars.Progress = silent, patience: Patience = QUICK) -> bytes:
    """Download the file, see that nothing else is left, and return its content."""
    (path,) = download_files((file,), root, patience, progress)
    assert path == root / "a" / "a.tar"
    assert not list(root.rglob("*.part*"))
    return path.read_bytes()


def fails(file: RemoteFile, root: Path, message: str) -> None:
    """See the download fail, and no file under the right name."""
    with pytest.raises(DataError, match=message):
        download_files((file,), root, QUICK, silent)
    assert not (root / "a" / "a.tar").exists()


def begin(site: FileServer, file: RemoteFile, root: Path, after: int = 100_000) -> None:
    """Leave a part behind, as a call does whose connection broke for good."""
    served = site.files["/a.tar"]
    served.cuts, served.cut_after, served.ranges, ranges = 99, after, False, served.ranges
    fails(file, root, "a.tar.part is kept")
    assert (root / "a" / "a.tar.part").stat().st_size == after
    served.cuts, served.ranges = 0, ranges
    site.requests.clear()


def test_a_file_is_fetched_once_and_checked(site: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = remote(site, size=len(CONTENT))
    assert get(file, tmp_path) == CONTENT
    assert "300kB, md5 and sha256 as published" in caplog.text
    assert get(file, tmp_path) == CONTENT
    assert len(site.requests) == 1


@pytest.mark.parametrize("manners", [{"chunked": True}, {"states_length": False}], ids=str)
def test_the_end_of_a_file_can_be_told_in_other_ways(site: FileServer, tmp_path: Path, manners: dict[str, Any]) -> None:
    site.files["/a.tar"] = Served(CONTENT, **manners)
    assert get(remote(site), tmp_path) == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(site: FileServer, tmp_path: Path) -> None:
    site.files["/a.tar"] = Served(CONTENT, cuts=5, cut_after=50_000)  # more than QUICK.tries, but all bring new bytes
    assert get(remote(site), tmp_path) == CONTENT
    assert site.ranges == [None, *(f"bytes={start}-" for start in range(50_000, 300_000, 50_000))]
    assert {condition for _, _, condition in site.requests[1:]} == {'"1"'}


def test_a_chunked_answer_that_breaks_is_taken_up_too(site: FileServer, tmp_path: Path) -> None:
    site.files["/a.tar"] = Served(CONTENT, chunked=True, cuts=1, cut_after=50_000)
    assert get(remote(site), tmp_path) == CONTENT


def test_a_silent_server_is_asked_again(site: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site.files["/a.tar"] = Served(CONTENT, stalls=1, cut_after=70_000)
    assert get(remote(site), tmp_path, patience=HASTY) == CONTENT
    assert site.ranges[:2] == [None, "bytes=70000-"]
    assert "the server is silent; trying again" in caplog.text


def test_a_server_without_ranges_starts_over(site: FileServer, tmp_path: Path) -> None:
    site.files["/a.tar"] = Served(CONTENT, ranges=False, cuts=1, cut_after=70_000)
    assert get(remote(site), tmp_path) == CONTENT
    assert site.ranges == [None, "bytes=70000-"]


def test_a_connection_that_always_breaks_is_given_up(site: FileServer, tmp_path: Path) -> None:
    file = remote(site)
    begin(site, file, tmp_path)
    assert get(file, tmp_path) == CONTENT
    assert site.ranges == ["bytes=100000-"]


def test_a_server_that_cannot_be_reached_is_given_up(site: FileServer, tmp_path: Path) -> None:
    fails(remote(site, "http://127.0.0.1:1/a.tar"), tmp_path, r"connection failed \(.*refused\), 3 times in a row")
    assert not list(tmp_path.iterdir())


def test_a_call_that_was_interrupted_is_resumed_by_the_next(site: FileServer, tmp_path: Path) -> None:
    @contextmanager
    def interrupted(_file: str, _total: int | None, _done: int) -> Iterator[Any]:
        def advance(_count: int) -> None:
            raise KeyboardInterrupt

        yield advance

    file = remote(site)
    with pytest.raises(KeyboardInterrupt):
        get(file, tmp_path, interrupted)
    size = (tmp_path / "a" / "a.tar.part").stat().st_size
    assert 0 < size < len(CONTENT)
    assert get(file, tmp_path) == CONTENT
    assert site.ranges == [None, f"bytes={size}-"]


@pytest.mark.parametrize("etag", ['"2"', None])
def test_a_file_that_changed_since_starts_over(site: FileServer, tmp_path: Path, etag: str | None) -> None:
    site.files["/a.tar"] = Served(CONTENT, cuts=1, cut_after=70_000, later=(OTHER, etag))
    assert get(remote(site, checksums=False), tmp_path) == OTHER


def test_a_date_serves_as_validator_where_there_is_no_strong_etag(site: FileServer, tmp_path: Path) -> None:
    date = "Wed, 25 Nov 2026 10:00:00 GMT"
    site.files["/a.tar"] = Served(CONTENT, etag='W/"1"', modified=date, cuts=1, cut_after=70_000)
    assert get(remote(site, checksums=False), tmp_path) == CONTENT
    assert site.requests[1][1:] == ("bytes=70000-", date)


@pytest.mark.parametrize("checksums", [True, False])
def test_without_a_validator_only_a_checksum_lets_a_part_go_on(
    site: FileServer, tmp_path: Path, checksums: bool
) -> None:
    site.files["/a.tar"] = Served(CONTENT, etag=None, cuts=1, cut_after=70_000)
    assert get(remote(site, checksums=checksums), tmp_path) == CONTENT
    assert site.ranges == [None, "bytes=70000-" if checksums else None]


def test_a_part_of_unknown_origin_is_not_continued_without_a_checksum(site: FileServer, tmp_path: Path) -> None:
    file = remote(site, checksums=False)
    begin(site, file, tmp_path)
    (tmp_path / "a" / "a.tar.part.json").write_text('{"addr')
    assert get(file, tmp_path) == CONTENT
    assert site.ranges == [None]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_that_is_whole_is_checked_and_renamed(site: FileServer, tmp_path: Path, size: int | None) -> None:
    file = remote(site, size=size)
    begin(site, file, tmp_path)
    (tmp_path / "a" / "a.tar.part").write_bytes(CONTENT)
    assert get(file, tmp_path) == CONTENT
    assert len(site.requests) == (0 if size else 1)  # without a size, the server has to say that this is all (416)


def test_a_part_that_is_longer_than_the_file_starts_over(site: FileServer, tmp_path: Path) -> None:
    file = remote(site)
    begin(site, file, tmp_path)
    (tmp_path / "a" / "a.tar.part").write_bytes(CONTENT + b"x")
    assert get(file, tmp_path) == CONTENT
    assert site.ranges == ["bytes=300001-", None]


def test_a_range_that_is_not_the_one_asked_for_is_not_appended(site: FileServer, tmp_path: Path) -> None:
    site.files["/a.tar"] = Served(CONTENT, cuts=1, cut_after=70_000, whole_range=True)
    assert get(remote(site), tmp_path) == CONTENT
    assert site.ranges == [None, "bytes=70000-", None]


def test_a_busy_server_is_asked_again(site: FileServer, tmp_path: Path) -> None:
    site.files["/a.tar"].statuses = [500, 429]
    assert get(remote(site), tmp_path) == CONTENT
    site.files["/a.tar"].statuses = [503] * QUICK.tries
    shutil.rmtree(tmp_path / "a")
    fails(remote(site), tmp_path, "answers 503 .*, 3 times in a row")


def test_redirects_are_followed_within_the_web(site: FileServer, tmp_path: Path) -> None:
    site.files["/old"] = Served(redirect="/a.tar")
    site.files["/a.tar"] = Served(CONTENT, cuts=1, cut_after=70_000)
    assert get(remote(site, "/old"), tmp_path / "web") == CONTENT
    assert site.ranges == [None, None, "bytes=70000-", "bytes=70000-"]
    site.files["/away"] = Served(redirect="ftp://127.0.0.1/a.tar")
    fails(remote(site, "/away"), tmp_path, "unknown url type: ftp")
    site.files["/file"] = Served(redirect="file:///etc/hostname")
    fails(remote(site, "/file"), tmp_path, "answers 302 .*not allowed")
    site.files["/broken"] = Served(redirect="http://[")
    fails(remote(site, "/broken"), tmp_path, r"/broken: has no usable address \(.*IPv6")


def test_a_mirror_takes_over_where_the_first_address_left_off(site: FileServer, tmp_path: Path) -> None:
    site.files["/bad"] = Served(CONTENT, ranges=False, cuts=99, cut_after=70_000)
    assert get(remote(site, "/missing", "/bad", "/a.tar"), tmp_path) == CONTENT
    assert site.requests[-1][:2] == ("/a.tar", "bytes=70000-")


def test_a_mirror_starts_over_where_no_checksum_is_published(site: FileServer, tmp_path: Path) -> None:
    site.files["/bad"] = Served(OTHER, ranges=False, cuts=99, cut_after=70_000)  # its validator is the same
    assert get(remote(site, "/bad", "/a.tar", checksums=False), tmp_path) == CONTENT


def test_a_file_with_another_checksum_is_kept_aside_and_never_used(site: FileServer, tmp_path: Path) -> None:
    site.files["/lie"] = Served(CONTENT[:-1] + b"?")
    file = remote(site, "/lie")
    found, expected = (hashlib.sha256(content).hexdigest() for content in (CONTENT[:-1] + b"?", CONTENT))
    fails(file, tmp_path, rf"/lie: is not as published .*sha256 {found} instead of {expected}.*a\.tar\.mismatch, not")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["a.tar.mismatch"]
    assert (tmp_path / "a" / "a.tar.mismatch").read_bytes() == CONTENT[:-1] + b"?"
    assert get(remote(site, "/lie", "/a.tar"), tmp_path) == CONTENT  # a mirror that tells the truth


def test_a_file_of_another_size_is_not_even_begun(site: FileServer, tmp_path: Path) -> None:
    fails(remote(site, size=299_999), tmp_path, "/a.tar: has 300000 bytes instead of 299999")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (b"Too many people want this.", "text/html; charset=utf-8"),
        (b'{"error": "gone"}', "application/json"),
        (b"\n<!DOCTYPE html><title>Please confirm</title>", "application/x-tar"),
    ],
)
def test_a_page_is_not_taken_for_the_file(site: FileServer, tmp_path: Path, page: bytes, kind: str) -> None:
    site.files["/a.tar"] = Served(page, kind=kind)
    fails(remote(site, content=page), tmp_path, "answers with a page")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("manners", "message"), [({"states_length": False}, "states no length"), ({}, "sends nothing")]
)
def test_what_cannot_be_whole_is_refused(
    site: FileServer, tmp_path: Path, manners: dict[str, Any], message: str
) -> None:
    site.files["/a.tar"] = Served(b"" if not manners else CONTENT, **manners)
    fails(remote(site, checksums=False), tmp_path, message)


def test_a_damaged_file_that_is_there_is_put_aside_and_fetched_again(site: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.tar").write_bytes(OTHER)
    assert get(remote(site), tmp_path) == CONTENT
    assert (tmp_path / "a" / "a.tar.mismatch").read_bytes() == OTHER


def test_without_a_published_checksum_the_one_found_is_told(
    site: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for comes in (True, False):  # fetched, then found
        caplog.clear()
        assert get(remote(site, checksums=False), tmp_path) == CONTENT
        assert f"note this one down: sha256 {hashlib.sha256(CONTENT).hexdigest()}" in caplog.text
        assert ("comes unencrypted" in caplog.text) is comes


def test_too_little_room_is_told_before_anything_is_fetched(
    site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=200_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    fails(remote(site, size=len(CONTENT)), tmp_path, "has 200kB left, and 300kB are needed; make room")
    assert not site.requests
    fails(remote(site), tmp_path, "has 200kB left, and 300kB are needed")  # only the server knew the size
    assert not list(tmp_path.iterdir())


def test_a_part_needs_room_for_the_rest_alone(
    site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = remote(site, size=len(CONTENT))
    begin(site, file, tmp_path, after=200_000)
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert get(file, tmp_path) == CONTENT


def test_a_disk_that_fills_up_is_told(site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_part: Part, _chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Part, "append", full)
    fails(remote(site), tmp_path, "a.tar: No space left on device; what has come is kept")


def test_a_root_that_is_no_folder_is_told(site: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: File exists"):
        download_files((remote(site),), tmp_path / "file", QUICK, silent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(site: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o555)
    fails(remote(site), tmp_path, "a.tar.part: Permission denied")


def test_two_processes_do_not_write_the_same_part(site: FileServer, tmp_path: Path) -> None:
    with Part(tmp_path / "a" / "a.tar", ("md5",)) as part:
        part.append(b"x")
        fails(remote(site), tmp_path, "is being fetched by another process")


def test_the_hub_has_mirrors(site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", site.url + "/")
    file = remote(site, "https://huggingface.co/a.tar")
    assert get(file, tmp_path) == CONTENT
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.com")
    fails(file, tmp_path / "b", r"hf-mirror\.com/a\.tar: has no usable address \(unknown url type")
    monkeypatch.setenv("HF_ENDPOINT", "")  # counts as not given
    assert _mirrored(file.addresses[0]) == file.addresses[0]


def test_the_table_is_sound() -> None:
    files = [file for files in CATALOGUE.values() for file in files]
    assert len({file.place(Path()) for file in files}) == len(files)
    for file in files:
        assert file.addresses or steps_by_hand(file.name, Path()), file
        assert all(address.startswith("https://") for address in file.addresses), file
        assert Path(file.folder).name == file.folder and Path(file.file).name == file.file, file
        assert all(len(digits) == {"md5": 32, "sha256": 64}[name] for name, digits in file.checksums.items()), file
        assert all(re.fullmatch("[0-9a-f]+", digits) for digits in file.checksums.values()), file
        assert file.license and file.source, file
    assert len(CATALOGUE["imagenet-c"]) == 4
    assert CATALOGUE["imagenet-a"][0].size == 687_552_512
    assert (CATALOGUE["imagenet-c"][0].size, CATALOGUE["imagenet-c"][0].about) == (None, 22_600_000_000)


def test_every_data_set_can_be_had_and_lands_where_it_is_looked_for(tmp_path: Path) -> None:
    for name, adapter in ADAPTERS.items():
        (tmp_path / name / CATALOGUE[name][0].folder).mkdir(parents=True)
        assert find(name, tmp_path / name) == tmp_path / name / CATALOGUE[name][0].folder, adapter


def test_what_is_downloaded_only_is_said() -> None:
    told = (Path(__file__).parent.parent / "docs" / "your-data.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in told for name in CATALOGUE.keys() - ADAPTERS.keys())


def test_a_table_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("name,size,md5,sha256,addresses,colour\na,1,,,,red\n")
    with pytest.raises(TypeError, match="colour"):
        read_catalogue(table)


@pytest.mark.parametrize(
    ("name", "words"),
    [("imagenet", "ILSVRC2012_img_val.tar, 6.70GB, md5 29b2"), ("stylized-imagenet", "create_stylized")],
)
def test_what_no_program_may_fetch_is_explained(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words) as raised:
        download(name, tmp_path / "my data")
    assert f"'{tmp_path}/my data'/{name}/val" in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def listed(site: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """The site, with its file in the table: as data set `tiny`, and as `bound`, which has a condition."""
    monkeypatch.setitem(CATALOGUE, "tiny", (remote(site),))
    monkeypatch.setitem(CATALOGUE, "bound", (remote(site, condition="look, do not touch"),))
    return site


def test_a_condition_is_to_be_accepted(listed: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"look, do not touch\. Say --accept-license"):
        download("bound", tmp_path)
    assert not listed.requests
    assert download("bound", tmp_path, accept_license=True) == (tmp_path / "a" / "a.tar",)


def test_the_command_downloads(
    listed: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROBUSTNESS_DATA", str(tmp_path))
    monkeypatch.setattr(bars, "SECONDS_BETWEEN_LINES", 0.0)
    assert command.main(["download", "tiny"]) == command.DONE
    out, err = capfd.readouterr()
    assert out == f"{tmp_path / 'a' / 'a.tar'}\n"
    assert re.search(r"a\.tar: 300kB of 300kB, .*B/s, 00:00 left\n", err)
    assert err.endswith("md5 and sha256 as published\n")


def test_the_command_goes_on_after_a_failure(
    listed: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["download", "imagenet", "bound", "tiny", "--data-root", str(tmp_path)]
    assert command.main(words) == command.FAILED
    out, err = capsys.readouterr()
    assert err.count("error: ") == 2
    assert out == f"{tmp_path / 'a' / 'a.tar'}\n"


def test_the_command_keeps_what_has_come_when_interrupted(
    listed: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "shown", stop)
    assert command.main(["download", "tiny", "--data-root", str(tmp_path)]) == command.INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "root"), [(None, "data"), ("/of the/variable", "'/of the/variable'")])
def test_how_to_get_data_by_hand_needs_no_data_root(
    given: str | None, root: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROBUSTNESS_DATA", raising=False)
    if given:
        monkeypatch.setenv("ROBUSTNESS_DATA", given)
    assert command.main(["download", "imagenet"]) == command.FAILED
    err = capsys.readouterr().err
    assert "https://image-net.org/login.php" in err and f"mkdir -p {root}/imagenet/val" in err


def test_a_download_without_a_data_root_asks_for_one(
    listed: FileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROBUSTNESS_DATA", raising=False)
    assert command.main(["download", "imagenet", "tiny"]) == command.MISUSED
    told = "error: where should tiny go? Give --data-root DIR, or set ROBUSTNESS_DATA to it\n"
    assert capsys.readouterr().err == told
    assert not listed.requests


def test_bad_usage_fetches_nothing(listed: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["download", "tiny", "imagnet-a", "--data-root", str(tmp_path)]) == command.MISUSED
    assert "unknown data set 'imagnet-a'; did you mean imagenet-a" in capsys.readouterr().err
    for words in (["download", "--data-root", str(tmp_path)], ["download", "tiny"], ["fetch"]):
        assert command.main(words) == command.MISUSED
    assert not listed.requests


def test_the_command_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == command.DONE
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(CATALOGUE)
    assert any(line.split() == ["imagenet-a", "1", "688MB", "MIT", "people.eecs.berkeley.edu"] for line in lines)

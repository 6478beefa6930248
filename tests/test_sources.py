"""Sources: the same tree in folders and archives gives the same samples, and bad archives are refused in words."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from datasets.sources import Entries, FolderSource, Tree, open_tree

FILES = {
    "n01443537/a.JPEG": b"a",
    "n01443537/b.png": b"bb" * 300,
    "n01484850/a.JPEG": b"ccc",
    "n01484850/notes.txt": b"d",
    "n01484850/.hidden.jpg": b"e",
    "__MACOSX/._a.JPEG": b"f",
    "val.txt": b"a.JPEG 1\n",
}


def put(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def tar(path: Path, files: Mapping[str, bytes], prefix: str = "", format: int = tarfile.DEFAULT_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def walk(tree: Tree, folder: str = "") -> dict[str, bytes]:
    entries, prefix = tree.entries(folder), f"{folder}/" if folder else ""
    found = {prefix + name: tree.read(prefix + name) for name in entries.images}
    for name in entries.folders:
        found |= walk(tree, prefix + name)
    return found


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_tar_is_the_folder_that_it_was_made_of(tmp_path: Path, format: int, prefix: str) -> None:
    folder = FolderSource(put(tmp_path / "folder", FILES))
    archive = open_tree(tar(tmp_path / "a.tar", FILES, prefix, format))
    for fresh_or_from_index in (archive, open_tree(tmp_path / "a.tar")):
        assert walk(fresh_or_from_index) == walk(folder) == {name: FILES[name] for name in list(FILES)[:3]}
        assert fresh_or_from_index.entries() == folder.entries() == Entries(("n01443537", "n01484850"), ())

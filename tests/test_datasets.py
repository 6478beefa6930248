"""Data sets: order, fingerprint, sources, the layouts of ImageNet, label files, the bundled photographs, places."""

import hashlib
import os
import random
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from trees import put

from benchmarks.containers import write_tar, write_zip
from datasets import (
    WNIDS,
    DataError,
    Dataset,
    FolderSource,
    Sample,
    find,
    index_of_wnid,
    label_files,
    open_dataset,
    open_sample,
)

GOLDFISH, SHARK, TISSUE = "n01443537", "n01484850", "n15075141"  # classes 1, 2 and 999
NAMES = tuple(f"ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2, 3))
LABELS = (65, 970, 230)


def open_imagenet(place: Path) -> Dataset:
    return open_dataset("imagenet", place).open()


def labels_of(dataset: Dataset) -> dict[str, int]:
    return {sample.sample_id: sample.label for sample in dataset.samples}


@dataclass(frozen=True)
class Memory:
    files: dict[str, bytes]

    def read(self, sample_id: str) -> bytes:
        return self.files[sample_id]

    def size(self, sample_id: str) -> int:
        return len(self.files[sample_id])


def in_memory(samples: Iterable[tuple[str, int, int]]) -> Dataset:
    """Make a data set of (id, label, size)."""
    given_samples = list(samples)
    files = {sample_id: bytes(size) for sample_id, _, size in given_samples}
    return Dataset("m", tuple(Sample(name, label) for name, label, _ in given_samples), Memory(files), "memory", "here")


MANY = [(f"{wnid}/{image}.JPEG", label, 5) for label, wnid in enumerate(WNIDS[:20]) for image in range(50)]


def test_order_is_of_the_ids_alone_and_mixes_classes() -> None:
    shuffled = random.Random(1).sample(MANY, len(MANY))
    dataset = in_memory(MANY)
    assert dataset.samples == in_memory(shuffled).samples
    assert (
        dataset.samples[:3] == in_memory(entry for entry in MANY if entry[0] in labels_of(dataset.limited(3))).samples
    )
    first = [sample.label for sample in dataset.limited(200).samples]
    counts = np.bincount(first, minlength=20)
    assert counts.min() >= 1 and counts.max() <= 20  # 10 expected; sorted by id, four classes would fill the 200
    assert abs(np.corrcoef(np.arange(200), first)[0, 1]) < 0.2


def test_limited_keeps_a_prefix_and_everything_else() -> None:
    dataset = in_memory(MANY)
    assert dataset.limited(7).samples == dataset.samples[:7]
    assert dataset.limited(10**6) == dataset
    assert (dataset.num_classes, dataset.limited(1).num_classes) == (20, 1)
    with pytest.raises(ValueError, match="at least 1"):
        dataset.limited(0)


def test_fingerprint_tells_ids_sizes_labels_and_nothing_else() -> None:
    base = in_memory([("a", 0, 1), ("b", 1, 2)])
    others = [[("a", 0, 1), ("b", 1, 3)], [("a", 0, 1), ("b", 2, 2)], [("a", 0, 1), ("c", 1, 2)], [("a", 0, 1)]]
    fingerprints = {base.fingerprint().sha256, *(in_memory(other).fingerprint().sha256 for other in others)}
    assert len(fingerprints) == 5
    assert in_memory([("b", 1, 2), ("a", 0, 1)]).fingerprint() == base.fingerprint()
    assert (base.fingerprint().count, base.fingerprint().classes) == (2, 2)


def test_fingerprint_hashes_lines_sorted_by_id() -> None:
    lines = "".join(f"{name}\0{size}\0{label}\n" for name, label, size in sorted(MANY))
    assert in_memory(MANY).fingerprint().sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_fingerprint_survives_a_file_that_is_gone(tmp_path: Path) -> None:
    dataset = open_imagenet(put(tmp_path, f"{SHARK}/a.JPEG", f"{SHARK}/b.JPEG"))
    before = dataset.fingerprint()
    (tmp_path / SHARK / "a.JPEG").unlink()
    assert dataset.fingerprint().sha256 != before.sha256


def test_ids_that_cannot_be_told_apart_or_written_down_are_refused() -> None:
    with pytest.raises(DataError, match="same name: a;"):
        in_memory([("a", 0, 1), ("b", 0, 1), ("a", 1, 1)])
    with pytest.raises(DataError, match=r"\\udcff.*UTF-8"):
        in_memory([("\udcff.JPEG", 0, 1)])


@pytest.mark.parametrize("sample_id", ["../secret.jpg", "a/../../secret.jpg", "/etc/hostname", "a/..", "", ".", "a\0b"])
def test_ids_never_leave_the_root(tmp_path: Path, sample_id: str) -> None:
    source = FolderSource(put(tmp_path, "secret.jpg", "root/a/b.jpg") / "root")
    for access in (source.read, source.size, source.below):
        with pytest.raises(DataError, match="no path below"):
            access(sample_id)


@given(st.lists(st.sampled_from(["..", ".", "a", "", "/", "b.jpg"]), max_size=6).map("/".join))
def test_whatever_is_located_lies_below_the_root(sample_id: str) -> None:
    root = Path("/nowhere/root")
    try:
        place = FolderSource(root).below(sample_id).root
    except DataError:
        return
    assert os.path.normpath(place).startswith("/nowhere/root/")


def test_listing_knows_images_by_their_extension_and_follows_links(tmp_path: Path) -> None:
    put(tmp_path, "b.JPEG", "a.jpg", "c.PNG", "d.webp", "e.BmP", "f.txt", "Thumbs.db", ".hidden.jpg", "g", "jpg")
    put(tmp_path, "h.gif", "i.JPE", "j.jfif", "k.tif", "desktop.ini", ".DS_Store", "._a.jpg")
    put(tmp_path, "sub/x.jpg", "__MACOSX/._b.JPEG", ".cache/y.jpg", "odd.jpg/z.jpg")
    (tmp_path / "dangling.jpg").symlink_to("gone.jpg")
    (tmp_path / "linked").symlink_to("sub")
    entries = FolderSource(tmp_path).entries()
    assert entries.images == ("a.jpg", "b.JPEG", "c.PNG", "d.webp", "dangling.jpg", "e.BmP", "h.gif", "i.JPE", "j.jfif")
    assert entries.others == ("f.txt", "g", "jpg", "k.tif")
    assert entries.folders == ("linked", "odd.jpg", "sub")
    assert FolderSource(tmp_path).read("linked/x.jpg") == b"x"
    with pytest.raises(FileNotFoundError):
        FolderSource(tmp_path).read("dangling.jpg")


@pytest.mark.parametrize("split", [".", "val", "validation"])
def test_class_folders(tmp_path: Path, split: str) -> None:
    root = put(tmp_path / split, f"{TISSUE}/x.JPEG", f"{TISSUE}/y.png", f"{GOLDFISH}/x.JPEG", f"{SHARK}/notes.txt")
    put(tmp_path, "train/n01440764/not_this.JPEG") if split != "." else None
    dataset = open_imagenet(tmp_path)
    assert labels_of(dataset) == {f"{TISSUE}/x.JPEG": 999, f"{TISSUE}/y.png": 999, f"{GOLDFISH}/x.JPEG": 1}
    assert (dataset.name, dataset.layout, dataset.path) == ("imagenet", "class folders (wnid)", str(root))
    assert dataset.source.read(f"{TISSUE}/x.JPEG") == b"x"
    assert dataset == open_dataset("imagenet", str(tmp_path)).open()


def test_files_that_are_no_pictures_by_their_name_are_counted_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, f"{SHARK}/a.JPEG", "val.txt", "README.md")
    collection = open_dataset("imagenet", tmp_path)
    collection.inspected()
    assert not caplog.text
    put(tmp_path, *(f"{SHARK}/{name}" for name in ("b.TXT", "c.txt", "d.tif", "e", "Thumbs.db", ".DS_Store")))
    counts, _ = open_dataset("imagenet", tmp_path).inspected()
    assert counts == {"": {2: 1}}
    assert f"{tmp_path}: 4 files in class folders that are no pictures by their name" in caplog.text
    assert "(.txt 2, .tif 1, none 1) are not read" in caplog.text


def test_validation_goes_before_test(tmp_path: Path) -> None:
    put(tmp_path, *(f"{split}/{SHARK}/{split}.JPEG" for split in ("train", "val", "test")))
    assert labels_of(open_imagenet(tmp_path)) == {f"{SHARK}/val.JPEG": 2}


def test_the_order_in_which_files_were_made_does_not_matter(tmp_path: Path) -> None:
    names = [entry[0] for entry in MANY]
    datasets = [open_imagenet(put(tmp_path / way, *order)) for way, order in (("a", names), ("b", names[::-1]))]
    assert datasets[0].samples == datasets[1].samples
    assert datasets[0].fingerprint() == datasets[1].fingerprint()


def kaggle(folder: Path, _rank: Callable[[int], int]) -> None:
    lines = [f"{n.removesuffix('.JPEG')},{WNIDS[label]} 85 1 499 272 " for n, label in zip(NAMES, LABELS, strict=True)]
    put(folder, "LOC_val_solution.csv", content="\r\n".join(["ImageId,PredictionString", *lines[::-1]]).encode())


def caffe(folder: Path, _rank: Callable[[int], int]) -> None:
    put(folder, "val.txt", content="".join(f"{n} {i}\n" for n, i in zip(NAMES, LABELS, strict=True)).encode())


def tensorflow(folder: Path, _rank: Callable[[int], int]) -> None:
    content = "\n".join(WNIDS[label] for label in LABELS).encode()
    put(folder, "imagenet_2012_validation_synset_labels.txt", content=content)


def devkit(folder: Path, rank: Callable[[int], int]) -> None:
    """Write the two files of the challenge's kit, its own numbers being `rank` of ours; beyond 1000 are inner nodes."""
    kit = folder / "ILSVRC2012_devkit_t12" / "data"
    content = "".join(f"{rank(label)}\n" for label in LABELS).encode()
    put(kit, "ILSVRC2012_validation_ground_truth.txt", content=content)
    rows = [(rank(label), wnid, "words", 0) for label, wnid in enumerate(WNIDS)] + [(1001, "n00001740", "entity", 2)]
    fields = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("num_children", object)]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=fields).reshape(-1, 1)})


@pytest.mark.parametrize("images", ["imagenet", "imagenet/val", "imagenet/validation"])
@pytest.mark.parametrize("labels", ["imagenet", "images"])
@pytest.mark.parametrize("write", [kaggle, caffe, tensorflow, devkit])
def test_flat_folder_with_each_label_file(tmp_path: Path, write: Callable[..., None], images: str, labels: str) -> None:
    put(tmp_path / images, *NAMES)
    write(tmp_path / (images if labels == "images" else labels), lambda label: 1000 - label)
    dataset = open_imagenet(tmp_path / "imagenet")
    assert labels_of(dataset) == dict(zip(NAMES, LABELS, strict=True))
    assert dataset.layout.startswith("flat folder, labels from ")


def test_flat_folder_as_kaggle_unpacks_it_and_a_subset(tmp_path: Path) -> None:
    put(tmp_path / "ILSVRC/Data/CLS-LOC/val", NAMES[1])
    kaggle(tmp_path, int)
    place = find("imagenet", tmp_path)
    assert place is not None and labels_of(open_imagenet(place)) == {NAMES[1]: LABELS[1]}


@pytest.mark.parametrize("given", [".", "ILSVRC", "ILSVRC/Data", "ILSVRC/Data/CLS-LOC", "ILSVRC/Data/CLS-LOC/val"])
def test_kaggles_tree_is_entered_wherever_it_is_given(tmp_path: Path, given: str) -> None:
    data = tmp_path / "ILSVRC/Data/CLS-LOC"
    put(data, f"train/{SHARK}/t.JPEG", *(f"val/{name}" for name in NAMES), "test/ILSVRC2012_test_00000001.JPEG")
    put(tmp_path / "ILSVRC", "Annotations/CLS-LOC/val/a.xml", "Annotations/CLS-LOC/train/a.xml", "ImageSets/a.txt")
    kaggle(tmp_path, int)
    assert labels_of(open_imagenet(tmp_path / given)) == dict(zip(NAMES, LABELS, strict=True))


@pytest.mark.parametrize("wrapper", ["", "val/", "a/b/c/val/"])
@pytest.mark.parametrize("write", [caffe, devkit, kaggle])
@pytest.mark.parametrize("pack", [write_tar, write_zip])
def test_labels_of_a_flat_archive_lie_beside_it(
    tmp_path: Path, pack: Callable[..., Path], write: Callable[..., None], wrapper: str
) -> None:
    archive = pack(tmp_path / f"val.{pack.__name__[-3:]}", dict.fromkeys(NAMES, b"x"), wrapper)
    write(tmp_path, lambda label: label + 1)
    assert labels_of(open_imagenet(archive)) == dict(zip(NAMES, LABELS, strict=True))


CLASSES = (f"{GOLDFISH}/a.JPEG", f"{SHARK}/a.JPEG")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "is empty: neither class folders nor images"),
        (("readme.txt",), "is empty: neither class folders nor images"),
        (("cat/a.jpg", "dog/a.jpg"), "no classes: cat, dog.*WordNet id, such as n01440764"),
        (("n00000001/a.jpg",), "no classes: n00000001"),
        (tuple(f"{n}/a.jpg" for n in "abcdefgh"), "a, b, c, d, e and 3 more"),
        (("0/a.jpg", "999/a.jpg"), "named by number: 0, 999.*ImageNet-V2.*suite of its own"),
        (("0/a.jpg", "1000/a.jpg"), "no classes: 0, 1000"),
        ((*CLASSES, "cat/a.jpg"), f"2 class folders .{GOLDFISH}, {SHARK}. and others.*cat.*away"),
        ((*CLASSES, "stray.jpg"), "images lying beside its folders: stray.jpg"),
        ((f"val/{SHARK}/a.JPEG", "stray.jpg"), "images lying beside its folders: stray.jpg"),
        (("cat/a.jpg", "stray.jpg"), "images lying beside its folders: stray.jpg"),
        ((f"{SHARK}/notes.txt",), f"class folders .{SHARK}. but not one image"),
        ((*CLASSES, f"{SHARK}/images/a.JPEG"), f"{SHARK} has folders in it: images"),
        (NAMES, "3 images without class folders.*no label file.*LOC_val_solution.csv, val.txt, .*ground_truth.txt"),
    ],
)
def test_unusable_folders_are_explained(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        open_imagenet(put(tmp_path, *files))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("val.txt", f"{NAMES[0]} 65\n", f"no label for 2 of 3 images in .*: {NAMES[1]}, {NAMES[2]}"),
        ("val.txt", f"{NAMES[0]} 65\n{NAMES[1]} 1000\n", "line 2: .*1000' is no label"),
        ("val.txt", f"{NAMES[0]}\n", "line 1: .* is no label"),
        ("val.txt", b"\xff\xfe", "cannot read the label file"),
        ("LOC_val_solution.csv", "ImageId,PredictionString\nx,n00000001 1 2 3 4\n", "line 2: .* is no label"),
        ("imagenet_2012_validation_synset_labels.txt", "n01440764\ncat\n", "line 2: 'cat' is no label"),
        ("ILSVRC2012_validation_ground_truth.txt", "1\n2\n3\n", "meta.mat beside it"),
    ],
)
def test_unusable_label_files_are_explained(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    put(tmp_path, *NAMES)
    put(tmp_path, name, content=content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        open_imagenet(tmp_path)
    assert str(tmp_path / name) in str(caught.value)


def test_tables_that_are_not_read_are_named(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{name}" for name in NAMES), "images/labels.csv", "images/notes.md", "images/.hidden.txt")
    put(tmp_path, "Classes.JSON", "images.zip", "folder.txt/a")
    unread = f"{tmp_path / 'images/labels.csv'}, {tmp_path / 'Classes.JSON'}"
    told = f"no label file of a known name; not read: {unread}. Sort .* one of these beside them: LOC_val_solution"
    with pytest.raises(DataError, match=told):
        open_imagenet(tmp_path / "images")


def test_tables_beside_an_archive_that_are_not_read_are_named(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "val.zip", dict.fromkeys(NAMES, b"x"), "val/")
    put(tmp_path, "labels.csv")
    with pytest.raises(DataError, match=f"not read: {tmp_path / 'labels.csv'}\\. Sort"):
        open_imagenet(archive)


def test_devkit_needs_a_sound_meta_file_and_known_numbers(tmp_path: Path) -> None:
    put(tmp_path, *NAMES)
    devkit(tmp_path, lambda label: 1001 if label == LABELS[1] else label + 1)
    with pytest.raises(DataError, match="line 2: '1001' is no label"):
        open_imagenet(tmp_path)
    put(tmp_path, "ILSVRC2012_devkit_t12/data/meta.mat", content=b"no matrix" * 40)
    with pytest.raises(DataError, match=r"needs the development kit's meta\.mat"):
        open_imagenet(tmp_path)


@pytest.mark.parametrize("ends", ["import os; os.abort()", "print('no json')", "import time; time.sleep(9)"])
def test_a_meta_file_that_ends_its_reader_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(label_files, "_READ_META", ends)
    monkeypatch.setattr(label_files, "_PATIENCE", 2)
    put(tmp_path, *NAMES)
    devkit(tmp_path, lambda label: label + 1)
    with pytest.raises(DataError, match=r"needs the development kit's meta\.mat; SciPy cannot read"):
        open_imagenet(tmp_path)


def test_a_path_that_is_no_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'absent'} cannot be opened: No such file")):
        open_imagenet(tmp_path / "absent")
    with pytest.raises(DataError, match=r"a\.jpg is "):
        open_imagenet(put(tmp_path, "a.jpg") / "a.jpg")


def test_places_and_names(tmp_path: Path) -> None:
    assert find("imagenet", tmp_path) is None
    with pytest.raises(DataError, match="unknown data set 'unheard-of'"):
        find("unheard-of", tmp_path)
    for name in ("ILSVRC2012/val", "imagenet", "imagenet/val"):  # from the last resort to the first choice
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        assert find("imagenet", tmp_path) == tmp_path / name
    with pytest.raises(DataError, match="unknown data set 'imagenot'; did you mean imagenet"):
        open_dataset("imagenot", tmp_path)


def test_wnids_are_the_thousand_in_order() -> None:
    assert len(WNIDS) == len(set(WNIDS)) == 1000 and list(WNIDS) == sorted(WNIDS)
    assert [index_of_wnid(wnid) for wnid in (GOLDFISH, SHARK, TISSUE, "n00000001")] == [1, 2, 999, None]
    assert [index_of_wnid(wnid) for wnid in WNIDS] == list(range(1000))


def test_sample_is_twenty_photographs_read_without_importing_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "foolbox", raising=False)
    dataset = open_sample()
    assert "foolbox" not in sys.modules
    assert (dataset.name, len(dataset.samples), dataset.num_classes) == ("imagenet-sample", 20, 19)
    assert labels_of(dataset)["imagenet_17_22.jpg"] == 22
    assert all(dataset.source.read(sample.sample_id).startswith(b"\xff\xd8") for sample in dataset.samples)


def test_missing_sample_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DataError, match=r"foolbox; run: pip install -r requirements\.txt"):
        open_sample()

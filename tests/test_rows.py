"""Tables: parquet files and webdataset shards, which split of them, which columns, and what is wrong with some."""

import errno
import json
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.containers import Row, write_folder, write_parquet, write_shard, write_tar
from datasets import ADAPTERS, DataError, Dataset, Sample, View, load, open_dataset, open_sample
from datasets.tables.parquet_rows import ParquetRows
from datasets.tables.rows import LabelledRow, Rows, open_rows
from datasets.tables.splits import choose_split

ROWS: list[Row] = [(f"{number}.jpg", bytes([number]) * (number + 1), number % 3) for number in range(25)]
CLASSES = ("cat", "dog", "emu")


def must_open(path: Path) -> Rows:
    rows = open_rows(path)
    assert rows is not None
    return rows


def contents(rows: Rows) -> list[tuple[str, bytes, int]]:
    return [(row.sample_id, rows.read(row.sample_id), row.label) for row in rows.rows]


def test_parquet_files_hold_rows_in_their_order(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data/test-00000-of-00002.parquet", ROWS[:10], CLASSES, group=4)
    write_parquet(tmp_path / "data/test-00001-of-00002.parquet", ROWS[10:], CLASSES, group=4)
    rows = must_open(tmp_path)
    assert contents(rows) == ROWS
    assert rows.rows[3] == LabelledRow("3.jpg", 0)
    assert [rows.size(row.sample_id) for row in rows.rows] == [number + 1 for number in range(25)]
    assert (rows.layout, rows.place, rows.class_names) == ("parquet (test)", tmp_path, CLASSES)
    with pytest.raises(FileNotFoundError, match=r"25\.jpg"):
        rows.read("25.jpg")


@pytest.mark.parametrize("names", [["a.jpg", "a.jpg"], ["a.jpg", None], ["a.jpg", "../b.jpg"], ["a.jpg", "/b.jpg"]])
def test_rows_are_numbered_unless_their_names_are_ids(tmp_path: Path, names: list[str | None]) -> None:
    path = write_parquet(tmp_path / "pictures.parquet", [(name, b"x", 0) for name in names])
    for place in (path, tmp_path):
        rows = must_open(place)
        assert [row.sample_id for row in rows.rows] == ["pictures/000000", "pictures/000001"]
        assert (rows.layout, rows.class_names) == ("parquet", None)


def write_table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table({name: pa.array(*column) for name, column in columns.items()}), path)  # type: ignore[misc]
    return path


IMAGE, LABEL, TEXT = ([b"a", b"b"], pa.binary()), ([0, 1], pa.int16()), (["x", "y"], pa.string())


@pytest.mark.parametrize(
    "columns",
    [
        {"image": IMAGE, "label": LABEL},
        {"picture_of_it": IMAGE, "number": LABEL, "text": TEXT},
        {
            "img": IMAGE,
            "thumbnail": ([b"t", b"t"], pa.binary()),
            "fine_label": LABEL,
            "coarse_label": ([9, 9], pa.int8()),
        },
        {"jpg": ([b"a", b"b"], pa.large_binary()), "cls": ([0, 1], pa.uint8()), "id": ([7, 8], pa.int64())},
    ],
)
def test_columns_are_found_by_type_and_usual_names(tmp_path: Path, columns: dict[str, object]) -> None:
    rows = must_open(write_table(tmp_path / "a.parquet", **columns))
    assert contents(rows) == [("a/000000", b"a", 0), ("a/000001", b"b", 1)]


def test_columns_are_found_by_what_the_schema_says(tmp_path: Path) -> None:
    features = {
        "photo": {"_type": "Image"},
        "species": {"_type": "ClassLabel", "names": ["cat", "dog"]},
        "label": {"_type": "Value", "dtype": "int64"},
        "gone": {"_type": "Image"},
        "odd": [1],
    }
    table = pa.table({"image": [b"?", b"?"], "photo": [b"a", b"b"], "label": [7, 7], "species": [0, 1]})
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(noted), tmp_path / "a.parquet")
    rows = must_open(tmp_path)
    assert [row[1:] for row in contents(rows)] == [(b"a", 0), (b"b", 1)] and rows.class_names == ("cat", "dog")


@pytest.mark.parametrize("noted", ["no JSON", "[]", '{"info": {"features": 5}}', '{"info": null}'])
def test_a_schema_whose_notes_cannot_be_read_is_read_by_type(
    tmp_path: Path, noted: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = pa.table({"image": [b"a"], "label": [1]}).replace_schema_metadata({"huggingface": noted})
    pq.write_table(table, tmp_path / "a.parquet")
    assert contents(must_open(tmp_path)) == [("a/000000", b"a", 1)]
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": IMAGE}, r"no column of integer labels; its columns are image \(binary\)"),
        ({"label": LABEL, "image": TEXT}, r"no column of image files .*image \(string\)"),
        ({"image": IMAGE, "a": LABEL, "b": LABEL}, "several columns of integer labels: a, b"),
        ({"a": IMAGE, "b": IMAGE, "label": LABEL}, "several columns of image files .*: a, b"),
        ({"image": IMAGE, "label": ([0, None], pa.int64())}, "row 1: no label in the column label"),
    ],
)
def test_unclear_columns_are_explained(tmp_path: Path, columns: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_rows(write_table(tmp_path / "a.parquet", **columns))


@pytest.mark.parametrize("damage", [lambda file: file[:-9], lambda file: b"PAR1" + file[-20:], lambda _file: b""])
def test_a_damaged_parquet_file_is_named(tmp_path: Path, damage: object) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=r"a\.parquet is cut off, damaged or no parquet file"):
        open_rows(tmp_path)


def test_damaged_pages_and_rows_without_an_image_are_errors_of_their_images(tmp_path: Path) -> None:
    photographs = open_sample()
    pictures = [photographs.source.read(sample.sample_id) for sample in photographs.samples[:8]]
    path = write_parquet(tmp_path / "a.parquet", [(f"{n}.jpg", pictures[n], 0) for n in range(8)], group=4)
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36  # the header of the first page
    path.write_bytes(content)
    rows = must_open(path)
    for access in (rows.read, rows.size):
        with pytest.raises(OSError, match=r"a\.parquet"):
            access("0.jpg")
    assert len(rows.read("7.jpg")) == rows.size("7.jpg") == len(pictures[7])
    samples = tuple(Sample(row.sample_id, row.label) for row in rows.rows)
    (batch,) = load(Dataset("some", samples, rows, rows.layout, str(path)), [View(20, 16, "bilinear")])
    assert sorted(failure.sample_id for failure in batch.failures) == [f"{n}.jpg" for n in range(4)]
    assert sorted(batch.sample_ids) == [f"{n}.jpg" for n in range(4, 8)]
    rows = must_open(write_parquet(tmp_path / "b.parquet", [("a.jpg", None, 0), ("b.jpg", b"b", 0)]))
    with pytest.raises(OSError, match="has no image"):
        rows.read("a.jpg")
    assert rows.read("b.jpg") == b"b" and rows.size("a.jpg") == 0


def test_a_parquet_file_that_has_gone_is_no_failure_of_its_images(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    rows = must_open(path)
    path.unlink()
    with pytest.raises(OSError, match=r"a\.parquet") as error:
        rows.read("0.jpg")
    assert error.value.errno == errno.ESTALE


def test_many_threads_read_parquet_within_the_cache(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows: list[Row] = [(f"{number}.jpg", rng.randbytes(1000), 0) for number in range(200)]
    write_parquet(tmp_path / "a.parquet", rows[:120], group=10)
    write_parquet(tmp_path / "b.parquet", rows[120:], group=10)
    opened = ParquetRows(tmp_path, "", [tmp_path / "a.parquet", tmp_path / "b.parquet"], cache=50_000)
    wanted = [rng.choice(rows) for _ in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened.read, [str(name) for name, _, _ in wanted])) == [
            content for _, content, _ in wanted
        ]
    assert 0 < opened._cache._used <= 50_000
    assert opened._cache._used == sum(images.nbytes for images in opened._cache._kept.values())


def test_row_groups_that_are_too_large_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_parquet(tmp_path / "a.parquet", [("a.jpg", random.Random(0).randbytes(30_000), 0)])
    monkeypatch.setattr("datasets.tables.parquet_rows._LARGE_GROUP", 20_000)
    with caplog.at_level(logging.WARNING):
        ParquetRows(path, "", [path])
        assert not caplog.text  # it fits into the cache, so it is read once
        ParquetRows(path, "", [path], cache=1000)
    assert "row_group_size=100" in caplog.text
    monkeypatch.setattr("datasets.tables.parquet_rows._LARGEST_GROUP", 20_000)
    with pytest.raises(DataError, match=r"GB in one row group; write the file anew"):
        ParquetRows(path, "", [path])


def test_files_of_different_classes_or_the_same_name_are_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS[:3], CLASSES)
    write_parquet(tmp_path / "b.parquet", ROWS[3:], CLASSES[::-1])
    with pytest.raises(DataError, match=r"a\.parquet and .*b\.parquet have labels of different meaning"):
        open_rows(tmp_path)
    for configuration in ("large", "small"):
        write_parquet(tmp_path / "x" / configuration / "test/0000.parquet", ROWS)
    with pytest.raises(DataError, match="several files of the same name; give the folder of one configuration"):
        open_rows(tmp_path / "x")


TRAIN, VAL, TEST = (f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test"))


@pytest.mark.parametrize(
    ("names", "split", "chosen"),
    [
        ([TRAIN, VAL, TEST], "validation", [VAL]),
        ([TRAIN, TEST], "test", [TEST]),
        (
            ["default/train/0000.parquet", "default/validation/0000.parquet"],
            "validation",
            ["default/validation/0000.parquet"],
        ),
        (["val.parquet", "train.parquet"], "validation", ["val.parquet"]),
        (["imagenet1k-train-0000.tar", "imagenet1k-validation-00.tar"], "validation", ["imagenet1k-validation-00.tar"]),
        (["train-0.parquet", "part-0.parquet"], "", ["part-0.parquet"]),
        (["part-0.parquet", "part-1.parquet"], "", ["part-0.parquet", "part-1.parquet"]),
        (["train/test-0.parquet"], "test", ["train/test-0.parquet"]),  # the file's own name counts more
        (["retrained-valuable.parquet"], "", ["retrained-valuable.parquet"]),
    ],
)
def test_the_split_to_evaluate_on_is_chosen(names: list[str], split: str, chosen: list[str]) -> None:
    assert choose_split(names, "here") == (split, chosen)


def test_training_data_is_never_taken_and_parts_may_not_lack(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"here has training data only \(data/train-00000-of-00001\.parquet\)"):
        choose_split([TRAIN], "here")
    names = [f"data/validation-{number:05d}-of-00004-0a1b2c.parquet" for number in (0, 2)]
    with pytest.raises(DataError, match="lacks data/validation-00001-of-00004, data/validation-00003-of-00004"):
        choose_split(names, "here")


def test_training_data_is_all_there_is_of_some_data_sets(caplog: pytest.LogCaptureFixture) -> None:
    assert choose_split([TRAIN], "here", no_training=True) == ("train", [TRAIN])
    assert "here has one split, called train" in caplog.text
    assert choose_split([TRAIN, TEST], "here", no_training=True) == ("test", [TEST])
    with pytest.raises(DataError, match="lacks data/train-00001-of-00002"):
        choose_split(["data/train-00000-of-00002.parquet"], "here", no_training=True)


@pytest.mark.parametrize("name", ["imagenet-a", "imagenet-sketch", "objectnet", "imagenet", "stylized-imagenet"])
@pytest.mark.parametrize("kind", ["parquet", "tar"])
def test_only_data_sets_without_training_images_may_be_called_train(tmp_path: Path, name: str, kind: str) -> None:
    write = write_parquet if kind == "parquet" else write_shard
    write(tmp_path / f"data/train-00000-of-00001.{kind}", [("a.jpg", b"a", 3)])
    if name in ("imagenet", "stylized-imagenet"):
        with pytest.raises(DataError, match="training data only"):
            open_dataset(name, tmp_path)
    else:
        (sample,) = open_dataset(name, tmp_path).open().samples
        assert (sample.sample_id, sample.label) == ("a.jpg", ADAPTERS[name].labels.codes[3])


WNID_COLUMN = (["n01443537", "n01484850"], pa.string())


@pytest.mark.parametrize(
    "columns",
    [
        {"image": IMAGE, "wnid": WNID_COLUMN, "class_name": TEXT},
        {"image": IMAGE, "width": LABEL, "synset": (WNID_COLUMN[0], pa.large_string())},
    ],
)
def test_wordnet_ids_are_labels_where_no_integers_are(tmp_path: Path, columns: dict[str, object]) -> None:
    write_table(tmp_path / "a.parquet", **columns)
    rows = must_open(tmp_path)
    assert rows.class_names == ("n01443537", "n01484850")
    samples = open_dataset("imagenet-r", tmp_path).open().samples
    assert {sample.sample_id: sample.label for sample in samples} == {"a/000000": 1, "a/000001": 2}


def test_wordnet_ids_are_the_same_in_every_file_and_no_other_labels_go_beside_them(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", image=IMAGE, wnid=WNID_COLUMN)
    write_table(tmp_path / "b.parquet", image=IMAGE, wnid=(["n01440764", "n01484850"], pa.string()))
    samples = open_dataset("imagenet", tmp_path).open().samples
    assert sorted((sample.sample_id, sample.label) for sample in samples) == [
        ("a/000000", 1),
        ("a/000001", 2),
        ("b/000000", 0),
        ("b/000001", 2),
    ]
    write_table(tmp_path / "c.parquet", image=IMAGE, label=LABEL, wnid=WNID_COLUMN)
    assert must_open(tmp_path / "c.parquet").class_names is None
    with pytest.raises(DataError, match="labels of different meaning"):
        open_rows(tmp_path)
    write_table(tmp_path / "c.parquet", image=IMAGE, wnid=(["n01440764", None], pa.string()))
    with pytest.raises(DataError, match="row 1: no label in the column wnid"):
        open_rows(tmp_path / "c.parquet")


@pytest.mark.parametrize("in_json", [False, True])
def test_shards_hold_images_with_labels_beside_them(tmp_path: Path, in_json: bool) -> None:
    write_shard(tmp_path / "set-val-00.tar", ROWS[:10], in_json)
    write_shard(tmp_path / "set-val-01.tar", ROWS[10:], in_json)
    write_shard(tmp_path / "set-train-00.tar", [("t.jpg", b"t", 0)], in_json)
    rows = must_open(tmp_path)
    assert sorted(contents(rows)) == sorted(ROWS)
    assert [rows.size(f"{number}.jpg") for number in range(25)] == [number + 1 for number in range(25)]
    assert (rows.layout, rows.place, rows.class_names) == ("webdataset shards (validation)", tmp_path, None)
    assert sorted(contents(must_open(tmp_path / "set-val-00.tar"))) == sorted(ROWS[:10])
    with pytest.raises(FileNotFoundError, match=r"t\.jpg"):
        rows.read("t.jpg")


def test_images_of_shards_are_numbered_by_shard_if_their_names_repeat(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", ROWS[:2])
    write_shard(tmp_path / "b.tar", ROWS[:2])
    assert [row.sample_id for row in must_open(tmp_path).rows] == ["a/0.jpg", "a/1.jpg", "b/0.jpg", "b/1.jpg"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"b.jpg": b"b"}, r"b\.jpg has no label beside it"),
        ({"b.jpg": b"b", "b.cls": b"dog"}, r"b\.cls holds no label"),
        ({"b.jpg": b"b", "b.cls": b"1.5"}, r"b\.cls holds no integer label"),
        ({"b.jpg": b"b", "b.json": b'{"name": "dog"}'}, r"b\.json holds no integer label; looked for: label, cls"),
        ({"b.jpg": b"b", "b.json": b'{"label": true}'}, r"b\.json holds no integer label"),
        ({"b.jpg": b"b", "b.json": b"\xff{"}, r"b\.json holds no label"),
    ],
)
def test_shards_without_labels_are_explained(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    write_tar(tmp_path / "a.tar", {"a.jpg": b"a", "a.cls": b"0\n"} | files)
    with pytest.raises(DataError, match=message):
        open_rows(tmp_path)


def test_what_is_no_table_is_none(tmp_path: Path) -> None:
    write_folder(tmp_path / "classes", {f"n{number:08d}/{number}.JPEG": b"" for number in range(40)})
    write_folder(tmp_path / "classes", {"n00000000/deep.parquet": b"not looked for among classes"})
    tar = write_tar(tmp_path / "tars/a.tar", {"n01440764/a.JPEG": b"a", "n01440764/b.JPEG": b"b", "a.cls": b"1"})
    write_folder(tmp_path, {"flat/a.jpg": b"", "a.txt": b"", "empty.d/x": b""})
    write_tar(tmp_path / "none/empty.tar", {})
    for place in ("classes", "tars", "flat", "a.txt", "empty.d", "none", "absent"):
        assert open_rows(tmp_path / place) is None, place
    assert open_rows(tar) is None

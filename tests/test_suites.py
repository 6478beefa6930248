"""The suites through the command, on real photographs in the layouts and containers that the benchmarks come in."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from test_command import LITE, call, only_run, records_of, scores_of

import datasets
from robustness import models
from robustness.corruptions import STANDARD, apply_jpeg, corrupt
from robustness.seeds import generator

TARS = {  # of the published ImageNet-C
    "noise": STANDARD[:3],
    "blur": STANDARD[3:7],
    "weather": STANDARD[7:11],
    "digital": STANDARD[11:],
}
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def photographs_by_name() -> Files:
    """The bundled photographs as ImageNet's class folders."""
    dataset = datasets.open_sample()
    return {f"{datasets.WNIDS[s.label]}/{s.sample_id}": dataset.source.read(s.sample_id) for s in dataset.samples}


def folder(place: Path, files: Files) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def tar(place: Path, files: Files, suffix: str = ".tar") -> Path:
    path = place.with_name(place.name + suffix)
    with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def tar_gz(place: Path, files: Files) -> Path:
    return tar(place, files, ".tar.gz")


def tars(place: Path, files: Files) -> Path:
    place.mkdir()
    names = sorted(files)
    for part in range(3):
        tar(place / f"part{part}", {name: files[name] for name in names[part::3]})
    return place


def zip_file(place: Path, files: Files) -> Path:
    path = place.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"wrapped/{name}", content)
    return path


def labelled(files: Files) -> Iterator[tuple[str, bytes, int]]:
    for name, content in files.items():
        wnid, _, image = name.partition("/")
        yield image, content, datasets.WNIDS.index(wnid)


def parquet(place: Path, files: Files) -> Path:
    (place / "data").mkdir(parents=True)
    rows = [{"image": {"bytes": content, "path": name}, "label": label} for name, content, label in labelled(files)]
    half = len(rows) // 2
    for part, some in enumerate((rows[:half], rows[half:])):
        pq.write_table(pa.Table.from_pylist(some), place / "data" / f"validation-0000{part}-of-00002.parquet")
    return place


def shards(place: Path, files: Files) -> Path:
    place.mkdir()
    pairs = [
        {f"{name.removesuffix('.jpg')}.jpg": content, f"{name.removesuffix('.jpg')}.cls": str(label).encode()}
        for name, content, label in labelled(files)
    ]
    for part in range(2):
        tar(place / f"imagenet-val-{part:06d}", {n: c for pair in pairs[part::2] for n, c in pair.items()})
    return place


def flat(place: Path, files: Files) -> Path:
    lines = ["ImageId,PredictionString", *(f"{n.partition('/')[2][:-4]},{n.partition('/')[0]} 1 2 3 4" for n in files)]
    folder(place / "ILSVRC/Data/CLS-LOC/val", {name.partition("/")[2]: content for name, content in files.items()})
    (place / "LOC_val_solution.csv").write_text("\n".join(lines))
    return place / "ILSVRC/Data/CLS-LOC/val"


@pytest.fixture(scope="module")
def from_a_folder(photographs_by_name: Files, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    place = tmp_path_factory.mktemp("folder")
    return evaluated(folder(place / "val", photographs_by_name), place / "out")


def evaluated(data: Path, out: Path, *words: str) -> pd.DataFrame:
    assert call(*LITE, "--suite", "imagenet", "--data", data, "--formats", "csv", *words, out=out) == 0
    return records_of(only_run(out))


@pytest.mark.parametrize("pack", [tar, tar_gz, tars, zip_file, parquet, shards, flat])
def test_records_are_the_same_whatever_the_container(
    tmp_path: Path, photographs_by_name: Files, from_a_folder: pd.DataFrame, pack: Callable[[Path, Files], Path]
) -> None:
    found = evaluated(pack(tmp_path / "data", photographs_by_name), tmp_path / "out")
    for records in (found, from_a_folder):
        stem = records["sample_id"].str.rpartition("/")[2].str.removesuffix(".jpg")
        records["photograph"] = stem
    assert found["photograph"].nunique() == 20
    one, other = (
        records.drop(columns="sample_id").sort_values("photograph", ignore_index=True)
        for records in (found, from_a_folder)
    )
    pd.testing.assert_frame_equal(one.drop(columns="confidence"), other.drop(columns="confidence"))
    # another order of samples is another batch of the network: its rounding may differ
    pd.testing.assert_series_equal(one["confidence"], other["confidence"], rtol=0, atol=1e-5)
    if pack in (tar, tar_gz, tars, zip_file):
        assert sorted(found["sample_id"]) == sorted(from_a_folder["sample_id"])


@pytest.fixture(scope="module")
def saved_logits(bundled: models.Model) -> dict[str, np.ndarray]:
    """Logits of the bundled photographs in the view of ImageNet-A and -R, by name."""
    (batch,) = datasets.load(datasets.open_sample(), [datasets.IMAGENET_C_VIEW])
    with torch.inference_mode():
        logits = bundled.classifier(batch.views[0] / 255).numpy()
    return dict(zip(batch.sample_ids, logits, strict=True))


@pytest.mark.parametrize("suite", ["imagenet-a", "imagenet-r"])
def test_accuracy_among_200_classes_is_that_of_the_saved_logits(
    tmp_path: Path, photographs_by_name: Files, saved_logits: dict[str, np.ndarray], suite: str
) -> None:
    space = datasets.SPACES[suite]
    own = {name: content for name, content in photographs_by_name.items() if name[:9] in space.names}
    assert own
    folder(tmp_path / "root" / suite / suite, own)
    folder(tmp_path / "root" / "imagenet" / "val", photographs_by_name)
    words = ("--suite", suite, "--data-root", tmp_path / "root")
    assert call(*LITE, *words, out=tmp_path / "out") == 0
    scores = scores_of(only_run(tmp_path / "out")).query("suite == @suite").set_index(["dataset", "metric"])["value"]
    columns = list(space.codes)
    logits = {name: saved_logits[name.partition("/")[2]] for name in own}
    restricted = [columns[logits[name][columns].argmax()] == datasets.WNIDS.index(name[:9]) for name in own]
    full = [logits[name].argmax() == datasets.WNIDS.index(name[:9]) for name in own]
    for dataset in (suite, "imagenet"):
        assert scores[dataset, "top1"] == scores[dataset, "top1_restricted"] == pytest.approx(np.mean(restricted))
        assert scores[dataset, "top1_1000way"] == pytest.approx(np.mean(full))
    assert scores[suite, "accuracy_drop"] == pytest.approx(0)


def rendered(files: Files, names: tuple[str, ...]) -> Files:
    """Corrupt and store photographs as the published ImageNet-C was: 224 pixels, JPEG of quality 85."""
    found = {}
    for file, content in files.items():
        image = datasets.IMAGENET_C_VIEW(datasets.decode(content))[None]
        for name in names:
            for severity in range(1, 6):
                draw = generator(0, f"{name}(severity={severity})", file)
                pixels = corrupt(image, name, severity, [draw])[0].permute(1, 2, 0).numpy()
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "JPEG", quality=85, optimize=True)
                found[f"{name}/{severity}/{file.removesuffix('.jpg')}.JPEG"] = buffer.getvalue()
    return found


def test_imagenet_c_from_the_archives_is_imagenet_c_on_the_fly(tmp_path: Path, photographs_by_name: Files) -> None:
    """ids apart: the published files end in .JPEG, as ImageNet's own do."""
    few = dict(sorted(photographs_by_name.items())[:2])
    (tmp_path / "imagenet-c").mkdir()
    for name, corruptions in TARS.items():
        tar(tmp_path / "imagenet-c" / name, rendered(few, corruptions))
    folder(tmp_path / "imagenet" / "val", few)
    suite = ("--suite", "imagenet-c", "--formats", "csv")
    assert call(*LITE, *suite, "--data", tmp_path / "imagenet-c", out=tmp_path / "stored") == 0
    assert call(*LITE, *suite, "--data", tmp_path / "imagenet", out=tmp_path / "made") == 0
    stored, made = (records_of(only_run(tmp_path / way)).query("suite == 'imagenet-c'") for way in ("stored", "made"))
    assert len(stored) == len(made) == 75 * 2
    stored = stored.assign(sample_id=stored["sample_id"].str.replace(".JPEG", ".jpg"), dataset="imagenet")
    pd.testing.assert_frame_equal(
        stored.reset_index(drop=True),
        made.reset_index(drop=True),
        check_dtype=False,
        check_exact=False,
        rtol=0,
        atol=1e-5,
    )
    scores = scores_of(only_run(tmp_path / "stored"))
    mce = scores[scores["metric"] == "mce"].iloc[0]
    assert mce["value"] > 0 and mce["dataset"] == "imagenet-c"
    relative = scores[scores["metric"] == "relative_mce"].iloc[0]
    assert np.isnan(relative["value"]) and "no clean records" in relative["note"]


def test_what_is_stored_below_the_data_root_goes_before_making_it(
    tmp_path: Path, photographs_by_name: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    few = dict(sorted(photographs_by_name.items())[:1])
    (tmp_path / "imagenet-c").mkdir()
    tar(tmp_path / "imagenet-c" / "weather", rendered(few, ("fog", "frost")))
    folder(tmp_path / "imagenet" / "val", few)
    words = (*LITE, "--suite", "imagenet-c", "--suite", "imagenet-c-bar", "--data-root", tmp_path)
    assert call(*words, "--dry-run", out=tmp_path / "out") == 0
    plan = capsys.readouterr().out
    assert "suite: imagenet-c on imagenet-c, 10 conditions, 10 records" in plan
    assert "suite: imagenet-c-bar on imagenet, 50 conditions, 50 records" in plan
    assert "imagenet-c, 10 images, corruption/severity/class folders (wnid)" in plan


def test_in_memory_and_stored_differ(photographs_by_name: Files) -> None:
    """So that the test above compares something: the JPEG round trip changes pixels."""
    image = datasets.IMAGENET_C_VIEW(datasets.decode(next(iter(photographs_by_name.values()))))[None]
    assert not torch.equal(image, apply_jpeg(image, 85))


def test_cue_conflicts_give_a_shape_bias(tmp_path: Path, photographs_by_name: Files) -> None:
    names = datasets.SPACES["sixteen"].names
    images = [content for _, content in sorted(photographs_by_name.items())]
    files = {f"{a}/{a}{i}-{b}{i}.png": images[i] for i, (a, b) in enumerate(pairwise(names))}
    files["cat/cat1-cat2.png"] = images[0]
    assert call(*LITE, "--suite", "cue-conflict", "--data", folder(tmp_path / "cues", files), out=tmp_path / "o") == 0
    run = only_run(tmp_path / "o")
    records = records_of(run)
    conflicts = records[records["label"] != records["texture"]]
    assert len(conflicts) == len(records) - 1 == 15
    shape, texture = ((conflicts["pred"] == conflicts[cue]).sum() for cue in ("label", "texture"))
    bias = scores_of(run).query("metric == 'shape_bias'").iloc[0]
    if shape + texture:
        assert bias["value"] == pytest.approx(shape / (shape + texture))
    else:
        assert np.isnan(bias["value"]) and bias["note"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--suite", "imagenet-a", "--sample"), "imagenet-a is not among the bundled photographs"),
        (("--suite", "imagenet-a", "--data-root", "{}"), "imagenet-a is not found in"),
        (("--suite", "imagenet-r", "--data", "{}/imagenet"), "ImageNet-R has 200 class folders"),
        (("--suite", "imagenet-c", "--data", "{}/broken-c"), "fog lacks severity 2, 3, 4, 5"),
        (("--suite", "imagenet-v2", "--attack", "fgsm", "--data", "{}/v2"), "no clean images to attack"),
    ],
)
def test_data_that_is_not_there_is_said_in_a_sentence(
    tmp_path: Path,
    photographs_by_name: Files,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    sentence: str,
) -> None:
    few = dict(sorted(photographs_by_name.items())[:3])
    folder(tmp_path / "imagenet", few)
    folder(tmp_path / "broken-c" / "fog" / "1", few)
    folder(tmp_path / "v2" / "matched-frequency", {f"7/{i}.jpg": c for i, c in enumerate(few.values())})
    assert call(*LITE, *(word.format(tmp_path) for word in words), out=tmp_path / "out") in (1, 2)
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error

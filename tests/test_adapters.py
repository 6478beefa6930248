"""Each benchmark in its official layout: labels, parts, what is left out, and what is refused."""

import io
import tarfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from trees import put

from datasets import ADAPTERS, NO_CLASS, SPACES, WNIDS, DataError, View, find, holds, load, open_dataset
from datasets.adapters.corruptions import C_3D, C_BAR, C

SEVERITIES = ("1", "2", "3", "4", "5")


def picture(colour: tuple[int, int, int], size: int = 224) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    return file.getvalue()


def labels_of(name: str, place: Path, part: str = "") -> dict[str, int]:
    return {sample.sample_id: sample.label for sample in open_dataset(name, place).open(part).samples}


def test_the_label_maps_are_the_benchmarks_own() -> None:
    sizes = {name: (len(space.names), sum(map(len, space.members))) for name, space in SPACES.items()}
    assert sizes == {
        "imagenet": (1000, 1000),
        "imagenet-a": (200, 200),
        "imagenet-o": (200, 200),
        "imagenet-r": (200, 200),
        "objectnet": (113, 125),
        "imagenet-9": (9, 370),
        "sixteen": (16, 207),
    }
    for space in SPACES.values():
        flat = [index for members in space.members for index in members]
        assert len(flat) == len(set(flat)) and set(flat) <= set(range(1000))
    a, r, o = (set(SPACES[f"imagenet-{letter}"].names) for letter in "aro")
    assert (len(a & r), len(a & o)) == (86, 59)  # counted in the published lists
    assert [len(members) for members in SPACES["imagenet-9"].members] == [116, 52, 42, 36, 35, 27, 26, 20, 16]


@pytest.mark.parametrize("name", ["imagenet-a", "imagenet-r"])
@pytest.mark.parametrize("wrapped", ["", "imagenet-a/", "a/b/"])
def test_two_hundred_classes(tmp_path: Path, name: str, wrapped: str) -> None:
    space = SPACES[name]
    put(tmp_path, *(f"{wrapped}{wnid}/x.jpg" for wnid in space.names[:3]), "README.txt")
    assert labels_of(name, tmp_path) == {f"{wnid}/x.jpg": WNIDS.index(wnid) for wnid in space.names[:3]}


def test_imagenet_itself_is_no_imagenet_a(tmp_path: Path) -> None:
    put(tmp_path, *(f"{wnid}/x.jpg" for wnid in WNIDS[:8]))
    with pytest.raises(DataError, match=r"1 class folders \(n01498041\) and others that are none.*ImageNet-A has 200"):
        open_dataset("imagenet-a", tmp_path)


def test_pictures_of_no_class_have_no_label(tmp_path: Path) -> None:
    put(tmp_path, f"imagenet-o/{SPACES['imagenet-o'].names[0]}/x.jpg")
    assert set(labels_of("imagenet-o", tmp_path).values()) == {NO_CLASS}


def test_sketch_and_stylized_are_imagenets_folders(tmp_path: Path) -> None:
    put(tmp_path / "s", f"sketch/{WNIDS[7]}/sketch_1.JPEG")
    put(tmp_path / "t", f"val/{WNIDS[7]}/ILSVRC2012_val_1.png", f"train/{WNIDS[7]}/y.png")
    assert labels_of("imagenet-sketch", tmp_path / "s") == {f"{WNIDS[7]}/sketch_1.JPEG": 7}
    assert labels_of("stylized-imagenet", tmp_path / "t") == {f"{WNIDS[7]}/ILSVRC2012_val_1.png": 7}


def test_training_images_are_never_taken(tmp_path: Path) -> None:
    put(tmp_path, f"train/{WNIDS[7]}/y.png")
    with pytest.raises(DataError, match="no classes: train"):
        open_dataset("imagenet", tmp_path)


@pytest.mark.parametrize("width", [1, 4])
def test_v2_is_labelled_by_number_not_by_sorted_name(tmp_path: Path, width: int) -> None:
    put(tmp_path, *(f"imagenetv2-top-images-format-val/{n:0{width}d}/x.jpeg" for n in (0, 2, 10, 999)))
    assert [*open_dataset("imagenet-v2", tmp_path).openers] == ["top-images"]
    expected = {f"{n:0{width}d}/x.jpeg": n for n in (0, 2, 10, 999)}
    assert labels_of("imagenet-v2", tmp_path, "top-images") == expected
    assert labels_of("imagenet-v2", tmp_path / "imagenetv2-top-images-format-val", "top-images") == expected


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_v2s_archives_are_called_gz_whether_they_are_or_not(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    for name in ("imagenetv2-threshold0.7", "imagenetv2-top-images"):
        with tarfile.open(tmp_path / f"{name}.tar.gz", mode) as archive:
            archive.addfile(tarfile.TarInfo(f"{name}-format-val/10/x.jpeg"), io.BytesIO())
    assert [*open_dataset("imagenet-v2", tmp_path).openers] == ["threshold-0.7", "top-images"]
    assert labels_of("imagenet-v2", tmp_path, "top-images") == {"10/x.jpeg": 10}


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("threshold-study/imagenetv2-top-images-format-val", "top-images"),
        ("top-images/threshold-or-top-images", "top-images"),
        ("matched-frequency/a/b", "matched-frequency"),
        ("threshold-or-top-images", "selection"),
    ],
)
def test_v2s_selection_is_told_by_the_last_name_that_fits_one(tmp_path: Path, place: str, part: str) -> None:
    put(tmp_path / place, "3/x.jpeg", "4/x.jpeg")
    assert [*open_dataset("imagenet-v2", tmp_path / place).openers] == [part]


def test_v2_has_up_to_three_selections(tmp_path: Path) -> None:
    for folder in ("imagenetv2-threshold0.7-format-val", "imagenetv2-matched-frequency-format-val"):
        put(tmp_path, f"{folder}/3/x.jpeg")
    assert [*open_dataset("imagenet-v2", tmp_path).openers] == ["matched-frequency", "threshold-0.7"]
    assert labels_of("imagenet-v2", tmp_path, "threshold-0.7") == {"3/x.jpeg": 3}
    put(tmp_path / "own", "3/x.jpeg")
    assert [*open_dataset("imagenet-v2", tmp_path / "own").openers] == ["selection"]
    with pytest.raises(DataError, match=r"neither class folders nor selections.*named 0 to 999"):
        open_dataset("imagenet-v2", put(tmp_path / "cats", "a/x.jpg", "b/x.jpg"))
    with pytest.raises(DataError, match="others that are none: 1000"):
        open_dataset("imagenet-v2", put(tmp_path / "off", "999/x.jpg", "1000/x.jpg")).open("selection")


@pytest.mark.parametrize(
    ("name", "corruptions"), [("imagenet-c", C), ("imagenet-c-bar", tuple(C_BAR)), ("imagenet-3dcc", C_3D)]
)
def test_corruptions_lie_by_severity(tmp_path: Path, name: str, corruptions: tuple[str, ...]) -> None:
    chosen = corruptions[3:5]
    put(tmp_path, *(f"{c}/{s}/{WNIDS[9]}/v{s}.JPEG" for c in chosen for s in SEVERITIES))
    assert [*open_dataset(name, tmp_path).openers] == [f"{c}/{s}" for c in chosen for s in SEVERITIES]
    assert labels_of(name, tmp_path, f"{chosen[0]}/4") == {f"{WNIDS[9]}/v4.JPEG": 9}
    assert holds(name, tmp_path) and not holds(name, tmp_path / chosen[0] / "1")


def test_severities_may_be_named_by_parameter(tmp_path: Path) -> None:
    put(tmp_path, *(f"sparkles/{value}/{WNIDS[9]}/{value}.JPEG" for value in ("1.0", "2.0", "3.0", "5.0", "6.0")))
    assert labels_of("imagenet-c-bar", tmp_path, "sparkles/4") == {f"{WNIDS[9]}/5.0.JPEG": 9}


def test_a_missing_severity_is_named(tmp_path: Path) -> None:
    put(tmp_path, *(f"fog/{severity}/{WNIDS[9]}/x.JPEG" for severity in "1245"))
    with pytest.raises(DataError, match=r"fog lacks severity 3; it has 1, 2, 4, 5"):
        open_dataset("imagenet-c", tmp_path)


def test_other_folders_beside_corruptions_are_left_alone_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, *(f"fog/{severity}/{WNIDS[9]}/x.JPEG" for severity in SEVERITIES), "notes/x.jpg")
    assert len(open_dataset("imagenet-c", tmp_path).openers) == 5
    assert "no corruptions of imagenet-c: notes" in caplog.text
    with pytest.raises(DataError, match=r"has none of the corruptions of imagenet-3dcc .*but fog, notes"):
        open_dataset("imagenet-3dcc", tmp_path)


def test_archives_of_corruptions_may_each_have_a_wrapper(tmp_path: Path) -> None:
    for corruption in ("fog", "snow"):
        with tarfile.open(tmp_path / f"{corruption}.tar", "w") as archive:
            for severity in SEVERITIES:
                member = tarfile.TarInfo(f"{corruption}-wrapped/{corruption}/{severity}/{WNIDS[9]}/x.JPEG")
                archive.addfile(member, io.BytesIO())
    collection = open_dataset("imagenet-c", tmp_path)
    assert [*collection.openers] == [f"{c}/{s}" for c in ("snow", "fog") for s in SEVERITIES]
    assert labels_of("imagenet-c", tmp_path, "fog/2") == {f"{WNIDS[9]}/x.JPEG": 9}


def unpacked(root: Path, *folders: str) -> Path:
    """Lay out ImageNet-C as its tars unpack, each in a folder of its own."""
    return put(root, *(f"{folder}/{severity}/{WNIDS[9]}/x.JPEG" for folder in folders for severity in SEVERITIES))


@pytest.mark.parametrize("above", ["", "ImageNet-C/"])
def test_corruptions_may_lie_as_their_tars_unpack(tmp_path: Path, above: str, caplog: pytest.LogCaptureFixture) -> None:
    chosen = ("noise/shot_noise", "noise/impulse_noise", "blur/zoom_blur", "digital/contrast", "extra/spatter")
    unpacked(tmp_path, *(above + folder for folder in chosen))
    put(tmp_path / above, "notes/x.jpg", "blur/README")
    collection = open_dataset("imagenet-c", tmp_path)
    assert [*collection.openers] == [f"{folder.partition('/')[2]}/{s}" for folder in chosen for s in SEVERITIES]
    assert labels_of("imagenet-c", tmp_path, "spatter/4") == {f"{WNIDS[9]}/x.JPEG": 9}
    assert holds("imagenet-c", tmp_path) and "left alone: notes" in caplog.text


def test_two_copies_of_a_corruption_side_by_side_are_refused(tmp_path: Path) -> None:
    unpacked(tmp_path, "imagenet-c/fog", "imagenet-c/snow", "tiny-imagenet-c/fog")
    with pytest.raises(DataError, match="imagenet-c and tiny-imagenet-c both have fog; give one of them"):
        open_dataset("imagenet-c", tmp_path)


def test_cue_conflicts_know_both_cues(tmp_path: Path) -> None:
    put(tmp_path, "cat/cat1-dog2.png", "knife/knife10-knife3.png")
    samples = open_dataset("cue-conflict", tmp_path).open().samples
    names = SPACES["sixteen"].names
    cues = {sample.sample_id: (names[sample.label], names[sample.texture or 0]) for sample in samples}
    assert cues == {"cat/cat1-dog2.png": ("cat", "dog"), "knife/knife10-knife3.png": ("knife", "knife")}
    assert labels_of("edges", put(tmp_path / "e", "cat/cat1.png")) == {"cat/cat1.png": names.index("cat")}


@pytest.mark.parametrize("file", ["cat/cat1.png", "cat/dog1-cat1.png", "cat/cat1-cow1.png"])
def test_a_name_without_two_cues_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(DataError, match="does not name the shape of its folder and a texture"):
        open_dataset("cue-conflict", put(tmp_path, file))


def test_objectnet_counts_the_types_that_imagenet_has(tmp_path: Path) -> None:
    root = put(tmp_path, *(f"objectnet-1.0/images/{t}/a.png" for t in ("alarm_clock", "t-shirt", "air_freshener")))
    put(root, "objectnet-1.0/mappings/x.json")
    names = SPACES["objectnet"].names
    assert labels_of("objectnet", tmp_path) == {f"{t}/a.png": names.index(t) for t in ("alarm_clock", "t-shirt")}
    with pytest.raises(DataError, match="others that are none: Alarm Clocks!"):
        open_dataset("objectnet", put(tmp_path / "b", "alarm_clock/a.png", "Alarm Clocks!/a.png"))


def test_objectnets_frame_is_cut_off(tmp_path: Path) -> None:
    framed = Image.new("RGB", (68, 68), (255, 0, 0))
    framed.paste((0, 0, 255), (2, 2, 66, 66))
    (tmp_path / "alarm_clock").mkdir()
    framed.save(tmp_path / "alarm_clock" / "a.png")
    (batch,) = load(open_dataset("objectnet", tmp_path).open(), [View(224, 224, "bilinear", border=2)])
    assert batch.views[0][:, 0].max() == 0 and batch.views[0][:, 2].min() == 255


def challenge(root: Path, masks: int = 2) -> Path:
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        name = f"0{number}_{['dog', 'bird', 'fish'][number]}"
        for variation in ("original", "only_bg_t", "mixed_rand"):
            put(root, f"bg_challenge/{variation}/val/{name}/p.JPEG", content=picture(colour))
        if number < masks:
            mask = np.zeros((224, 224), dtype=np.uint8)
            mask[:, : 50 * (number + 1)] = 1
            (root / "bg_challenge/fg_mask/val" / name).mkdir(parents=True, exist_ok=True)
            np.save(root / "bg_challenge/fg_mask/val" / name / "p.npy", mask)
    return root


def test_background_variations_and_the_challenge(tmp_path: Path) -> None:
    collection = open_dataset("background-challenge", challenge(tmp_path))
    assert [*collection.openers] == ["original", "mixed_rand", "only_bg_t", "challenge"]
    assert labels_of("background-challenge", tmp_path, "mixed_rand") == {
        "00_dog/p.JPEG": 0,
        "01_bird/p.JPEG": 1,
        "02_fish/p.JPEG": 2,
    }
    view = View(None, 224, "bilinear")
    (batch,) = load(collection.open("challenge"), [view, View(112, 112, "bilinear")])
    assert sorted(batch.sample_ids) == ["00_dog/p.JPEG", "01_bird/p.JPEG"]
    assert [tuple(mask.shape) for mask in batch.masks] == [(2, 3, 224, 224), (2, 3, 112, 112)]
    widths = {
        label: int((mask[0, 0] == 255).sum()) for label, mask in zip(batch.labels.tolist(), batch.masks[0], strict=True)
    }
    assert widths == {0: 50, 1: 100}
    assert batch.masks[0].unique().tolist() == [0, 255]
    assert batch.backgrounds[0].shape == (3, 3, 224, 224)
    (plain,) = load(collection.open("original"), [view])
    assert plain.masks == plain.backgrounds == ()


def npy(header: str) -> bytes:
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, mask=np.zeros((4, 4)))
    return file.getvalue()


@pytest.mark.parametrize(
    "broken",
    [
        b"\x93NUMPY broken",
        b"PK\3\4 broken",
        npz(),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999, 9)}"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 9)}"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (True, 9)}"),
        npy("((("),
        npy("(" * 5000),
    ],
)
def test_a_challenge_without_masks_is_left_out_and_broken_masks_are_failures(tmp_path: Path, broken: bytes) -> None:
    challenge(tmp_path / "a", masks=0)
    assert "challenge" not in open_dataset("background-challenge", tmp_path / "a").openers
    challenge(tmp_path / "b")
    put(tmp_path / "b/bg_challenge/fg_mask/val/00_dog", "p.npy", content=broken)
    np.save(tmp_path / "b/bg_challenge/fg_mask/val/01_bird/p.npy", np.zeros((4, 4, 3)))
    collection = open_dataset("background-challenge", tmp_path / "b")
    (batch,) = load(collection.open("challenge"), [View(None, 224, "bilinear")])
    assert {failure.sample_id: failure.reason for failure in batch.failures} == {
        "00_dog/p.JPEG": batch.failures[0].reason if "array" in batch.failures[0].reason else batch.failures[1].reason,
        "01_bird/p.JPEG": next(f.reason for f in batch.failures if "float64 [4, 4, 3]" in f.reason),
    }
    with pytest.raises(DataError, match="none of the variations original"):
        open_dataset("background-challenge", put(tmp_path / "c", "x/y.jpg", "z/y.jpg"))


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_data_set_is_found_under_its_own_name_and_refuses_an_empty_folder(tmp_path: Path, name: str) -> None:
    assert find(name, tmp_path) is None
    (tmp_path / name).mkdir()
    assert find(name, tmp_path) == tmp_path / name
    with pytest.raises(DataError, match=str(tmp_path / name)):
        open_dataset(name, tmp_path / name)

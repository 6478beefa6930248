"""What the labels of a table mean: by the names of its classes, by position where that is right, or not at all."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from timm.data import ImageNetInfo

from benchmarks.containers import write_parquet
from datasets import SPACES, WNIDS, DataError, open_dataset

INFO = ImageNetInfo()
SYNONYMS = [INFO.label_name_to_description(wnid) for wnid in WNIDS]
FIRST = [synonyms.partition(",")[0] for synonyms in SYNONYMS]
TORCHVISION = [{134: "crane bird", 639: "maillot tank suit"}.get(index, name) for index, name in enumerate(FIRST)]
OWN = [f"kind {number * 7 % 1000}" for number in range(1000)]  # known to nobody, and in no alphabet's order
A = SPACES["imagenet-a"].codes
CRANES = (134, 517)


def read(tmp_path: Path, name: str, names: Sequence[str] | None, labels: Sequence[int]) -> list[int]:
    """Read a table with one image of each label, and return what the labels are taken for."""
    write_parquet(tmp_path / "test.parquet", [(f"{label:03d}.jpg", b"x", label) for label in labels], names)
    (opener,) = open_dataset(name, tmp_path).openers.values()
    return [sample.label for sample in sorted(opener().samples, key=lambda sample: sample.sample_id)]


@pytest.mark.parametrize(
    "names",
    [
        None,
        WNIDS,
        SYNONYMS,
        FIRST,
        TORCHVISION,
        [name.upper().replace(" ", "_") for name in FIRST],
        [f"{wnid} {name}" for wnid, name in zip(WNIDS, FIRST, strict=True)],
        [str(number) for number in range(1000)],
        [*FIRST[:600], *OWN[600:]],
        [*FIRST[:836], "sunglasses", "shades", *FIRST[838:999], "paper towel roll"],
        OWN,
        [f"class_{number:04}" for number in range(1000)],
    ],
    ids=[
        *("none", "wnids", "synonyms", "first", "torchvision", "folders", "both"),
        "numbers",
        "most",
        "by hand",
        "own",
        "0",
    ],
)
def test_the_thousand_in_their_order_are_labels_by_position(tmp_path: Path, names: Sequence[str] | None) -> None:
    assert read(tmp_path, "imagenet", names, range(1000)) == [*range(1000)]


@pytest.mark.parametrize("names", [WNIDS, SYNONYMS, TORCHVISION, [str(number) for number in range(1000)]])
def test_the_thousand_in_another_order_are_labels_by_name(tmp_path: Path, names: Sequence[str]) -> None:
    for order in (sorted(names), sorted(names, key=lambda name: name[::-1])):
        unclear = [
            name for name in order if names.count(name) > 1 or (names is TORCHVISION and name.lower() == "cardigan")
        ]
        labels = [label for label in range(1000) if order[label] not in unclear]
        assert read(tmp_path, "imagenet", order, labels) == [names.index(order[label]) for label in labels]


def test_two_names_that_changed_places_are_labels_by_name(tmp_path: Path) -> None:
    for names in (FIRST, SYNONYMS, WNIDS):
        swapped = [names[{1: 2, 2: 1}.get(index, index)] for index in range(1000)]
        assert read(tmp_path, "imagenet", swapped, range(4)) == [0, 2, 1, 3]


@pytest.mark.parametrize("names", [[FIRST[code] for code in A], [WNIDS[code] for code in A], [str(code) for code in A]])
def test_two_hundred_are_labels_by_name(tmp_path: Path, names: list[str]) -> None:
    for order in (names, sorted(names), sorted(names)[::-1]):
        assert read(tmp_path, "imagenet-a", order, range(200)) == [A[names.index(name)] for name in order]


@pytest.mark.parametrize("names", [WNIDS, SYNONYMS, FIRST])
def test_the_thousand_of_which_two_hundred_occur_are_labels_by_index(tmp_path: Path, names: Sequence[str]) -> None:
    assert read(tmp_path, "imagenet-a", names, A) == [*A]
    other = next(index for index in range(1000) if index not in A)
    with pytest.raises(DataError, match="which of the 200 are meant by " + names[other].split(",")[0]):
        read(tmp_path, "imagenet-a", names, [other])


def test_some_classes_are_labels_by_name(tmp_path: Path) -> None:
    names = [SYNONYMS[index] for index in (452, 64, 297)]
    assert read(tmp_path, "imagenet", names, range(3)) == [452, 64, 297]
    assert read(tmp_path, "imagenet-v2", names, range(3)) == [452, 64, 297]
    assert read(tmp_path, "imagenet-v2", ["0", "1", "10", "100", "2"], range(5)) == [0, 1, 10, 100, 2]
    assert read(tmp_path, "edges", ["cat", "airplane"], range(2)) == [
        SPACES["sixteen"].names.index(n) for n in ("cat", "airplane")
    ]


def test_a_name_of_two_classes_is_neither_unless_the_other_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert read(tmp_path, "imagenet", ["crane", "crane bird", "tench"], range(3)) == [517, 134, 0]
    assert read(tmp_path, "imagenet", ["maillot", "maillot, tank suit"], range(2)) == [638, 639]
    for names in (["tench", "crane"], ["tench", "crane", "crane"], ["crane", "Tinca tinca", "tench"]):
        assert read(tmp_path, "imagenet", ["goldfish", *names], [0]) == [1]  # what is clear can be used
        with pytest.raises(DataError, match=r"not clear which of the 1000 are meant by .*crane.*WordNet id, such as"):
            read(tmp_path, "imagenet", names, range(len(names)))


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("imagenet-a", sorted(OWN[:200])),
        ("imagenet-a", sorted(OWN[:200], key=str.upper)),
        ("imagenet", sorted(OWN)),
        ("imagenet", OWN[:999]),
        ("imagenet", [*OWN[:-1], "tench"]),
        ("imagenet", [*OWN[:600], *FIRST[600:]]),
        ("imagenet-a", [str(code + 1) for code in A]),
        ("imagenet", [str(number) for number in range(100)]),
        ("edges", OWN[:15]),
    ],
)
def test_names_that_nobody_knows_are_refused_where_position_would_be_a_guess(
    tmp_path: Path, name: str, names: list[str]
) -> None:
    with pytest.raises(
        DataError, match=r"names \d+ classes, and it is not clear which .* name the table's classes so, or"
    ):
        read(tmp_path, name, names, range(len(names)))


def test_labels_beyond_the_classes_are_refused(tmp_path: Path) -> None:
    for names, label in ((None, 200), (None, -1), ([FIRST[code] for code in A[:5]], 5)):
        with pytest.raises(DataError, match=rf"has the label {label}, but there are (200|5) classes, from 0"):
            read(tmp_path, "imagenet-a", names, [label])

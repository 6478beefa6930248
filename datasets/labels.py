"""The classes of the benchmarks: how folders name them, and which of a model's 1000 outputs stand for each."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Rule = Literal["1000-way", "restricted", "mean"]

_LABELS = Path(__file__).parent / "labels"


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """The classes of a benchmark, as outputs of an ImageNet-1k classifier.

    names: folder name of each class. codes: the number by which its label is recorded. members: the outputs 0-999 that
    stand for it. rule: the benchmark's official decision: "1000-way", the class of the largest of all 1000 outputs, if
    it has one; "restricted", the class of the largest output among the members; "mean", the class whose members have
    the largest mean probability.
    """

    names: tuple[str, ...]
    codes: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    rule: Rule


def _wnids(file: str) -> tuple[str, ...]:
    return tuple((_LABELS / file).read_text().split())


WNIDS = _wnids("imagenet_1k_wnids.txt")
_INDEX = {wnid: index for index, wnid in enumerate(WNIDS)}


def index_of_wnid(wnid: str) -> int | None:
    """Return the class index 0-999 of a WordNet id such as "n01440764"; None when it is not one of the 1000."""
    return _INDEX.get(wnid)


def _subset(file: str) -> LabelSpace:
    """Read the WordNet ids of a benchmark that has some of ImageNet's classes."""
    wnids = _wnids(file)
    codes = tuple(_INDEX[wnid] for wnid in wnids)
    return LabelSpace(wnids, codes, tuple((code,) for code in codes), "restricted")


def _coarse(file: str, rule: Rule) -> LabelSpace:
    """Read classes of which each stands for several of ImageNet's; they are numbered as the file lists them."""
    members: dict[str, list[int]] = {}
    with (_LABELS / file).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            members.setdefault(row["class"], []).append(int(row["imagenet_index"]))
    return LabelSpace(tuple(members), tuple(range(len(members))), tuple(map(tuple, members.values())), rule)


IMAGENET = LabelSpace(WNIDS, tuple(range(1000)), tuple((index,) for index in range(1000)), "1000-way")

# 200 classes each, in the order of the benchmarks' own heads: the lists of hendrycks/natural-adv-examples (eval.py) and
# hendrycks/imagenet-r (eval.py).
IMAGENET_A = _subset("imagenet_a_wnids.txt")
IMAGENET_O = _subset("imagenet_o_wnids.txt")
IMAGENET_R = _subset("imagenet_r_wnids.txt")

# 113 of ObjectNet's 313 object types, 125 of ImageNet's classes (objectnet.dev, mappings of the published archive).
OBJECTNET = _coarse("objectnet.csv", "1000-way")
# ImageNet-9's nine, 370 of ImageNet's classes (MadryLab/backgrounds_challenge, in_to_in9.json).
IMAGENET_9 = _coarse("imagenet_9.csv", "1000-way")
# 16 basic categories, 207 of ImageNet's classes (rgeirhos/texture-vs-shape, probabilities_to_decision.py).
SIXTEEN = _coarse("sixteen_classes.csv", "mean")

SPACES: Mapping[str, LabelSpace] = {
    "imagenet": IMAGENET,
    "imagenet-a": IMAGENET_A,
    "imagenet-o": IMAGENET_O,
    "imagenet-r": IMAGENET_R,
    "objectnet": OBJECTNET,
    "imagenet-9": IMAGENET_9,
    "sixteen": SIXTEEN,
}

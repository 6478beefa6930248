"""The named suites: which conditions on which data set, and by whose protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .attacks import attack_condition
from .condition import CLEAN, Condition, corruption
from .corruptions import BAR, EXTRA, OCCLUSION, PATCH, STANDARD
from .registry import Registry

SEVERITIES = (1, 2, 3, 4, 5)
JPEG_QUALITY = 85  # of the published files: make_imagenet_c.py and make_imagenet_c_bar.py of their authors
View = Literal["model", "resize-256", "stored-224", "objectnet"]
# Suites of attacks: which, and at which radii unless others are given.
ATTACK_SUITES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "adversarial": (("fgsm", "pgd"), ("1/255", "4/255")),
    "autoattack": (("autoattack",), ("4/255",)),
}


@dataclass(frozen=True, slots=True)
class Suite:
    """A benchmark as a table of conditions on one data set.

    conditions: None for a data set whose parts are the conditions. view: how images are prepared: "model", as the model
    states it; "resize-256", short side to 256 (bilinear) and centre crop of 224; "stored-224", centre crop of 224
    alone, for images that are published at that size; "objectnet", with its frame cut off. about, source: what it is,
    and the paper or code whose protocol this is. photographs: whether these may as well be prepared as the model states
    it. companion: whether the same classes of ImageNet are evaluated beside it, where they are to be had. stored: the
    data set that holds the conditions ready made, as JPEG files, so that figures depend on the compression; "" if none
    is published.
    """

    dataset: str
    conditions: tuple[Condition, ...] | None
    view: View
    about: str
    source: str
    photographs: bool = False
    companion: bool = False
    stored: str = ""


SUITES: Registry[Suite] = Registry("suite")
HENDRYCKS_2019 = "Hendrycks and Dietterich 2019, arXiv:1903.12261"
GEIRHOS_2019 = "Geirhos et al. 2019, arXiv:1811.12231"
HENDRYCKS_2021 = "Hendrycks et al. 2021, arXiv:1907.07174"


def _made(name: str, corruptions: Sequence[str], about: str, source: str, stored: str = "") -> None:
    """Add a suite of corruptions of ImageNet, each at severities 1-5, that are made on the fly or read."""
    conditions = tuple(corruption(own, severity) for own in corruptions for severity in SEVERITIES)
    SUITES.add(name, Suite("imagenet", conditions, "resize-256", about, source, stored=stored))


def _published(
    name: str, view: View, about: str, source: str, *, photographs: bool = False, companion: bool = False
) -> None:
    """Add a suite that is a data set of its own, as it is."""
    SUITES.add(name, Suite(name, (CLEAN,), view, about, source, photographs, companion))


def _parts(name: str, view: View, about: str, source: str) -> None:
    """Add a suite whose conditions are the parts of its data set."""
    SUITES.add(name, Suite(name, None, view, about, source))


def _attacks(name: str, about: str, source: str) -> None:
    """Add a suite of attacks at its own radii."""
    attacks, radii = ATTACK_SUITES[name]
    conditions = tuple(attack_condition(attack, eps=eps) for attack in attacks for eps in radii)
    SUITES.add(name, Suite("imagenet", conditions, "model", about, source))


_published("imagenet", "model", "clean accuracy on the validation set", "Russakovsky et al. 2015, arXiv:1409.0575")
_made(
    "imagenet-c",
    STANDARD,
    "the 15 corruptions of ImageNet-C at 5 severities, made on the fly or read from the archives",
    HENDRYCKS_2019,
    "imagenet-c",
)
_made(
    "imagenet-c-extra",
    EXTRA,
    "the 4 extra corruptions of ImageNet-C, meant for validation and not part of mCE",
    HENDRYCKS_2019,
    "imagenet-c",
)
_made(
    "imagenet-c-bar",
    BAR,
    "the 10 corruptions of ImageNet-C-bar at 5 severities, made on the fly or read from the archive",
    "Mintun, Kirillov and Xie 2021, arXiv:2102.11273",
    "imagenet-c-bar",
)
_parts(
    "imagenet-3dcc",
    "stored-224",
    "3D Common Corruptions: 12 corruptions at 5 severities, published as images only",
    "Kar et al. 2022, arXiv:2203.01441",
)
_published(
    "imagenet-a",
    "resize-256",
    "7,500 photographs that fooled ResNet-50, 200 classes, scored among these",
    HENDRYCKS_2021,
    photographs=True,
    companion=True,
)
_published(
    "imagenet-o",
    "resize-256",
    "2,000 photographs of none of the 1000 classes, to be told from ImageNet's (AUPR)",
    HENDRYCKS_2021,
    photographs=True,
    companion=True,
)
_published(
    "imagenet-r",
    "resize-256",
    "30,000 renditions (art, cartoons, toys …), 200 classes, scored among these",
    "Hendrycks et al. 2021, arXiv:2006.16241",
    photographs=True,
    companion=True,
)
_published(
    "imagenet-sketch",
    "resize-256",
    "50,000 sketches of the 1000 classes",
    "Wang et al. 2019, arXiv:1905.13549",
    photographs=True,
)
_parts(
    "imagenet-v2",
    "model",
    "a second validation set, up to three selections of 10,000 photographs",
    "Recht et al. 2019, arXiv:1902.10811",
)
_published(
    "stylized-imagenet",
    "stored-224",
    "ImageNet in the style of paintings; copies of it differ, see the fingerprint",
    GEIRHOS_2019,
)
_published(
    "cue-conflict",
    "stored-224",
    "the shape of one thing with the texture of another, 16 categories: shape bias",
    GEIRHOS_2019,
)
_published("edges", "stored-224", "160 line drawings of 16 categories", GEIRHOS_2019)
_published("silhouettes", "stored-224", "160 black outlines of 16 categories", GEIRHOS_2019)
_published(
    "objectnet",
    "objectnet",
    "things in unusual places, poses and views: the 113 types that ImageNet has too",
    "Barbu et al. 2019, https://objectnet.dev",
    photographs=True,
)
_parts(
    "background-challenge",
    "stored-224",
    "ImageNet-9 with foregrounds and backgrounds exchanged: BG-Gap and the challenge",
    "Xiao et al. 2021, arXiv:2006.09994",
)
_made(
    "occlusion",
    OCCLUSION,
    "the middle or the border blacked out, 5 sizes each",
    "reported for instance by Heo et al. 2021, arXiv:2103.16302; the sizes are this project's",
)
_made(
    "patch",
    PATCH,
    "patches dropped (10 to 90 %) or shuffled (grids of 2 to 14 a side)",
    "Naseer et al. 2021, arXiv:2105.10497",
)
_attacks(
    "adversarial",
    "FGSM and PGD-40 within 1/255 and 4/255 (L-infinity)",
    "Goodfellow et al. 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083",
)
_attacks(
    "autoattack", "AutoAttack, standard version, within 4/255 (L-infinity)", "Croce and Hein 2020, arXiv:2003.01690"
)

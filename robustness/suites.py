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
    it. stored: the data set that holds the conditions ready made, "" if none is published. stored_as_jpeg: whether its
    images are JPEG files, so that figures depend on the compression. companion: whether the same classes of ImageNet
    are evaluated beside it, where they are to be had.
    """

    dataset: str
    conditions: tuple[Condition, ...] | None
    view: View
    about: str
    source: str
    photographs: bool = False
    stored: str = ""
    stored_as_jpeg: bool = False
    companion: bool = False


SUITES: Registry[Suite] = Registry("suite")


def corruptions_at_all_severities(names: Sequence[str]) -> tuple[Condition, ...]:
    """List every named corruption at severities 1-5, corruption by corruption."""
    return tuple(corruption(name, severity) for name in names for severity in SEVERITIES)


def attacks_at_all_radii(suite: str) -> tuple[Condition, ...]:
    """List the attacks of a suite at its own radii."""
    names, radii = ATTACK_SUITES[suite]
    return tuple(attack_condition(name, eps=eps) for name in names for eps in radii)


SUITES.add(
    "imagenet",
    Suite(
        "imagenet",
        (CLEAN,),
        "model",
        "clean accuracy on the validation set",
        "Russakovsky et al. 2015, arXiv:1409.0575",
    ),
)
SUITES.add(
    "imagenet-c",
    Suite(
        "imagenet",
        corruptions_at_all_severities(STANDARD),
        "resize-256",
        "the 15 corruptions of ImageNet-C at 5 severities, made on the fly or read from the archives",
        "Hendrycks and Dietterich 2019, arXiv:1903.12261",
        stored="imagenet-c",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "imagenet-c-extra",
    Suite(
        "imagenet",
        corruptions_at_all_severities(EXTRA),
        "resize-256",
        "the 4 extra corruptions of ImageNet-C, meant for validation and not part of mCE",
        "Hendrycks and Dietterich 2019, arXiv:1903.12261",
        stored="imagenet-c",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "imagenet-c-bar",
    Suite(
        "imagenet",
        corruptions_at_all_severities(BAR),
        "resize-256",
        "the 10 corruptions of ImageNet-C-bar at 5 severities, made on the fly or read from the archive",
        "Mintun, Kirillov and Xie 2021, arXiv:2102.11273",
        stored="imagenet-c-bar",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "imagenet-3dcc",
    Suite(
        "imagenet-3dcc",
        None,
        "stored-224",
        "3D Common Corruptions: 12 corruptions at 5 severities, published as images only",
        "Kar et al. 2022, arXiv:2203.01441",
    ),
)
SUITES.add(
    "imagenet-a",
    Suite(
        "imagenet-a",
        (CLEAN,),
        "resize-256",
        "7,500 photographs that fooled ResNet-50, 200 classes, scored among these",
        "Hendrycks et al. 2021, arXiv:1907.07174",
        photographs=True,
        companion=True,
    ),
)
SUITES.add(
    "imagenet-o",
    Suite(
        "imagenet-o",
        (CLEAN,),
        "resize-256",
        "2,000 photographs of none of the 1000 classes, to be told from ImageNet's (AUPR)",
        "Hendrycks et al. 2021, arXiv:1907.07174",
        photographs=True,
        companion=True,
    ),
)
SUITES.add(
    "imagenet-r",
    Suite(
        "imagenet-r",
        (CLEAN,),
        "resize-256",
        "30,000 renditions (art, cartoons, toys …), 200 classes, scored among these",
        "Hendrycks et al. 2021, arXiv:2006.16241",
        photographs=True,
        companion=True,
    ),
)
SUITES.add(
    "imagenet-sketch",
    Suite(
        "imagenet-sketch",
        (CLEAN,),
        "resize-256",
        "50,000 sketches of the 1000 classes",
        "Wang et al. 2019, arXiv:1905.13549",
        photographs=True,
    ),
)
SUITES.add(
    "imagenet-v2",
    Suite(
        "imagenet-v2",
        None,
        "model",
        "a second validation set, up to three selections of 10,000 photographs",
        "Recht et al. 2019, arXiv:1902.10811",
    ),
)
SUITES.add(
    "stylized-imagenet",
    Suite(
        "stylized-imagenet",
        (CLEAN,),
        "stored-224",
        "ImageNet in the style of paintings; copies of it differ, see the fingerprint",
        "Geirhos et al. 2019, arXiv:1811.12231",
    ),
)
SUITES.add(
    "cue-conflict",
    Suite(
        "cue-conflict",
        (CLEAN,),
        "stored-224",
        "the shape of one thing with the texture of another, 16 categories: shape bias",
        "Geirhos et al. 2019, arXiv:1811.12231",
    ),
)
SUITES.add(
    "edges",
    Suite(
        "edges",
        (CLEAN,),
        "stored-224",
        "160 line drawings of 16 categories",
        "Geirhos et al. 2019, arXiv:1811.12231",
    ),
)
SUITES.add(
    "silhouettes",
    Suite(
        "silhouettes",
        (CLEAN,),
        "stored-224",
        "160 black outlines of 16 categories",
        "Geirhos et al. 2019, arXiv:1811.12231",
    ),
)
SUITES.add(
    "objectnet",
    Suite(
        "objectnet",
        (CLEAN,),
        "objectnet",
        "things in unusual places, poses and views: the 113 types that ImageNet has too",
        "Barbu et al. 2019, https://objectnet.dev",
        photographs=True,
    ),
)
SUITES.add(
    "background-challenge",
    Suite(
        "background-challenge",
        None,
        "stored-224",
        "ImageNet-9 with foregrounds and backgrounds exchanged: BG-Gap and the challenge",
        "Xiao et al. 2021, arXiv:2006.09994",
    ),
)
SUITES.add(
    "occlusion",
    Suite(
        "imagenet",
        corruptions_at_all_severities(OCCLUSION),
        "resize-256",
        "the middle or the border blacked out, 5 sizes each",
        "reported for instance by Heo et al. 2021, arXiv:2103.16302; the sizes are this project's",
    ),
)
SUITES.add(
    "patch",
    Suite(
        "imagenet",
        corruptions_at_all_severities(PATCH),
        "resize-256",
        "patches dropped (10 to 90 %) or shuffled (grids of 2 to 14 a side)",
        "Naseer et al. 2021, arXiv:2105.10497",
    ),
)
SUITES.add(
    "adversarial",
    Suite(
        "imagenet",
        attacks_at_all_radii("adversarial"),
        "model",
        "FGSM and PGD-40 within 1/255 and 4/255 (L-infinity)",
        "Goodfellow et al. 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083",
    ),
)
SUITES.add(
    "autoattack",
    Suite(
        "imagenet",
        attacks_at_all_radii("autoattack"),
        "model",
        "AutoAttack, standard version, within 4/255 (L-infinity)",
        "Croce and Hein 2020, arXiv:2003.01690",
    ),
)

"""The named suites: which conditions on which data set, and by whose protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .attacks import attack_condition
from .condition import CLEAN, Condition, corruption
from .corruptions import BAR, EXTRA, OCCLUSION, PATCH, STANDARD
from .registry import Registry

SEVERITIES = (1, 2, 3, 4, 5)
JPEG_QUALITY = 85  # of the published files: make_imagenet_c.py and make_imagenet_c_bar.py of their authors
ADVERSARIAL_ATTACKS = ("fgsm", "pgd")
ADVERSARIAL_EPS = ("1/255", "4/255")


@dataclass(frozen=True, slots=True)
class Suite:
    """A benchmark as a table of conditions on one data set.

    view: "model" for pictures prepared as the model states it; "imagenet-c" for the benchmark's own resize to 256 and
    centre crop of 224, which every model sees. source: the paper or code whose protocol this is. stored_as_jpeg:
    whether corrupted images are published as JPEG files, so that figures depend on the compression.
    """

    dataset: str
    conditions: tuple[Condition, ...]
    view: Literal["model", "imagenet-c"]
    about: str
    source: str
    stored_as_jpeg: bool = False


SUITES: Registry[Suite] = Registry("suite")


def corruptions_at_all_severities(names: Sequence[str]) -> tuple[Condition, ...]:
    """List every named corruption at severities 1-5, corruption by corruption."""
    return tuple(corruption(name, severity) for name in names for severity in SEVERITIES)


SUITES.add(
    "imagenet",
    Suite("imagenet", (CLEAN,), "model", "clean accuracy on the validation set", "Russakovsky et al. 2015"),
)
SUITES.add(
    "imagenet-c",
    Suite(
        "imagenet",
        corruptions_at_all_severities(STANDARD),
        "imagenet-c",
        "the 15 corruptions of ImageNet-C at 5 severities, made on the fly",
        "Hendrycks and Dietterich 2019, arXiv:1903.12261",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "imagenet-c-extra",
    Suite(
        "imagenet",
        corruptions_at_all_severities(EXTRA),
        "imagenet-c",
        "the 4 extra corruptions of ImageNet-C, meant for validation and not part of mCE",
        "Hendrycks and Dietterich 2019, arXiv:1903.12261",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "imagenet-c-bar",
    Suite(
        "imagenet",
        corruptions_at_all_severities(BAR),
        "imagenet-c",
        "the 10 corruptions of ImageNet-C-bar at 5 severities, made on the fly",
        "Mintun, Kirillov and Xie 2021, arXiv:2102.11273",
        stored_as_jpeg=True,
    ),
)
SUITES.add(
    "occlusion",
    Suite(
        "imagenet",
        corruptions_at_all_severities(OCCLUSION),
        "imagenet-c",
        "the middle or the border blacked out, 5 sizes each",
        "reported for instance by Heo et al. 2021, arXiv:2103.16302; the sizes are this project's",
    ),
)
SUITES.add(
    "patch",
    Suite(
        "imagenet",
        corruptions_at_all_severities(PATCH),
        "imagenet-c",
        "patches dropped (10 to 90 %) or shuffled (grids of 2 to 14 a side)",
        "Naseer et al. 2021, arXiv:2105.10497",
    ),
)
SUITES.add(
    "adversarial",
    Suite(
        "imagenet",
        tuple(attack_condition(name, eps=eps) for name in ADVERSARIAL_ATTACKS for eps in ADVERSARIAL_EPS),
        "model",
        "FGSM and PGD-40 within 1/255 and 4/255 (L-infinity)",
        "Goodfellow et al. 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083",
    ),
)

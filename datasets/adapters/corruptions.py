"""Corrupted ImageNets as published: a folder a corruption, a folder a severity, and class folders in these.

ImageNet-C: Hendrycks and Dietterich 2019, arXiv:1903.12261, five tars, read in place, or unpacked each
into its folder. ImageNet-C-bar: Mintun et al. 2021, arXiv:2102.11273. 3D Common Corruptions: Kar et al. 2022,
arXiv:2203.01441.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ..class_folders import read_classes, to_parts
from ..dataset import Collection, Dataset
from ..errors import DataError, some
from ..sources import Tree
from ..tables.rows import Rows
from .adapter import Adapter, Data
from .imagenet import CLASSES

log = logging.getLogger(__name__)

SEVERITIES = ("1", "2", "3", "4", "5")
LAYOUT = "corruption/severity/class folders (wnid)"

C_EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")  # in a tar of their own, and in no mCE
C = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    *C_EXTRA,
)
# The published archive numbers its severities; the authors' script names their folders by parameter.
C_BAR = {
    "caustic_refraction": ("2.35", "3.2", "4.9", "6.6", "9.15"),
    "inverse_sparkles": ("1.0", "2.0", "4.0", "9.0", "10.0"),
    "sparkles": ("1.0", "2.0", "3.0", "5.0", "6.0"),
    "perlin_noise": ("4.6", "5.2", "5.8", "7.6", "8.8"),
    "blue_noise_sample": ("0.8", "1.6", "2.4", "4.0", "5.6"),
    "plasma_noise": ("4.75", "7.0", "8.5", "9.25", "10.0"),
    "checkerboard_cutout": ("2.0", "3.0", "4.0", "5.0", "6.0"),
    "cocentric_sine_waves": ("3.0", "5.0", "8.0", "9.0", "10.0"),
    "single_frequency_greyscale": ("1.0", "1.5", "2.0", "4.5", "5.0"),
    "brownish_noise": ("1.0", "2.0", "3.0", "4.0", "5.0"),
}
C_3D = (
    *("near_focus", "far_focus", "fog_3d", "flash", "color_quant", "low_light"),
    *("xy_motion_blur", "z_motion_blur", "iso_noise", "bit_error", "h265_abr", "h265_crf"),
)


def read_corruptions(
    data: Data, name: str, corruptions: Sequence[str], parameters: Mapping[str, Sequence[str]]
) -> Collection:
    """Read the corruptions that are there, each with all five severities; a part is named `gaussian_noise/3`.

    parameters: names that the folders of severities 1-5 may have instead. Raises DataError when there is no corruption,
    or one lacks a severity. Other folders are left alone and named in the log.
    """
    if isinstance(data, Rows):
        raise DataError(f"{data.place} is a table; {name} is read from its folders or archives")
    tree = to_parts(data, corruptions)
    folders = tree.entries().folders
    found = [corruption for corruption in corruptions if corruption in folders]
    if not found:
        raise DataError(
            f"{tree.place} has none of the corruptions of {name} ({some(corruptions)}), but "
            f"{some(folders) or 'nothing'}; give the folder of the corruptions, or of the archives"
        )
    if others := sorted(set(folders) - set(found)):
        log.warning("%s: left alone, as they are no corruptions of %s: %s", tree.place, name, some(others))
    places = {
        f"{corruption}/{severity}": f"{corruption}/{folder}"
        for corruption in found
        for severity, folder in _severities(tree, corruption, parameters.get(corruption, ())).items()
    }
    openers: dict[str, Callable[[], Dataset]] = {
        part: partial(_read_part, tree, place, name) for part, place in places.items()
    }
    return Collection(name, openers, LAYOUT, str(tree.place))


def _severities(tree: Tree, corruption: str, parameters: Sequence[str]) -> dict[str, str]:
    """Map severity to folder. Raises DataError unless all five are there."""
    folders = tree.entries(corruption).folders
    numbers = {float(folder): folder for folder in folders if folder.replace(".", "", 1).isdecimal()}
    for wanted in (SEVERITIES, parameters):
        if wanted and all(float(value) in numbers for value in wanted):
            return {severity: numbers[float(value)] for severity, value in zip(SEVERITIES, wanted, strict=True)}
    missing = [severity for severity in SEVERITIES if float(severity) not in numbers]
    raise DataError(
        f"{tree.place / corruption} lacks severity {', '.join(missing)}; it has {some(folders) or 'none'}. "
        f"Unpack or download the corruption anew"
    )


def _read_part(tree: Tree, place: str, name: str) -> Dataset:
    return read_classes(tree.below(place), name, CLASSES, LAYOUT)


def _adapter(
    name: str,
    corruptions: Sequence[str],
    folders: tuple[str, ...],
    parameters: Mapping[str, Sequence[str]],
    extras: Sequence[str] = (),
) -> Adapter:
    images = {f"{corruption}/{severity}": 50_000 for corruption in corruptions for severity in SEVERITIES}
    apart = frozenset(part for part in images if part.partition("/")[0] in extras)
    read = partial(read_corruptions, name=name, corruptions=corruptions, parameters=parameters)
    return Adapter(name, read, space="imagenet", images=images, classes=1000, folders=folders, extras=apart)


IMAGENET_C = _adapter("imagenet-c", C, ("ImageNet-C", "imagenet_c"), {}, C_EXTRA)
IMAGENET_C_BAR = _adapter("imagenet-c-bar", tuple(C_BAR), ("imagenet_c_bar", "ImageNet-C-bar"), C_BAR)
IMAGENET_3DCC = _adapter("imagenet-3dcc", C_3D, ("imagenet_3dcc", "ImageNet-3DCC", "3dcc"), {})

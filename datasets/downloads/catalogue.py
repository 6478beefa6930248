"""Which files make up the published data sets, where they are to be had, and what is to be done where none is.

The facts are in `downloads.csv`, each with its source. One row is one file:

    name       the data set, as `download` calls it; suites and `check` know those that have an adapter
    folder     where the file belongs, below the data root
    size       bytes; "~21GB" where only the order of magnitude is published
    addresses  the first, then mirrors, with spaces between; none if the file cannot be fetched by a program
    condition  what the licence wants accepted before the download
"""

import csv
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import unknown
from .progress import in_units

_UNITS = {"MB": 10**6, "GB": 10**9}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as it is published.

    size: exact number of bytes. about: their order of magnitude, good enough to ask whether there is room; size if that
    is known. checksums: by algorithm, as hashlib calls it, in hexadecimal digits.
    """

    name: str
    folder: str
    file: str
    size: int | None
    about: int | None
    checksums: Mapping[str, str]
    license: str
    condition: str
    addresses: tuple[str, ...]
    source: str

    def place(self, root: Path) -> Path:
        """Say where the file belongs below the data root."""
        return root / self.folder / self.file


def read_catalogue(table: Path) -> dict[str, tuple[RemoteFile, ...]]:
    """Read a table such as `downloads.csv`; returns the files by the name of their data set, in the table's order."""
    catalogue: dict[str, tuple[RemoteFile, ...]] = {}
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, strict=True):
            size, about = _size(row.pop("size"))
            checksums = {algorithm: row.pop(algorithm) for algorithm in ("md5", "sha256")}
            known = {algorithm: digits for algorithm, digits in checksums.items() if digits}
            addresses = tuple(row.pop("addresses").split())
            file = RemoteFile(**row, size=size, about=about, checksums=known, addresses=addresses)
            catalogue[file.name] = (*catalogue.get(file.name, ()), file)
    return catalogue


def _size(text: str) -> tuple[int | None, int | None]:
    if text.startswith("~"):
        return None, int(float(text[1:-2]) * _UNITS[text[-2:]])
    return (int(text), int(text)) if text else (None, None)


CATALOGUE = read_catalogue(Path(__file__).parent / "downloads.csv")


def files_of(name: str) -> tuple[RemoteFile, ...]:
    """List the files of a data set. Raises DataError with the nearest known names for one that is not known."""
    if name not in CATALOGUE:
        raise unknown(name, CATALOGUE)
    return CATALOGUE[name]


def steps_by_hand(name: str, root: Path) -> str | None:
    """Tell how a person gets a data set that no program may fetch; None for those that a program may."""
    if name not in _BY_HAND:
        return None
    files = [f"     {file.file}, {in_units(file.about)}, md5 {file.checksums.get('md5')}" for file in files_of(name)]
    return _BY_HAND[name].format(root=shlex.quote(str(root)), files="\n".join(files))


_BY_HAND = {
    "imagenet": """\
imagenet cannot be fetched for you: its terms of access want an account of your own. The steps:
  1. Sign in at https://image-net.org/login.php, or sign up and accept the terms.
  2. On https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, take "Validation images (all tasks)" and
     "Development kit (Task 1 & 2)":
{files}
  3. Compare: md5sum ILSVRC2012_img_val.tar ILSVRC2012_devkit_t12.tar.gz
  4. Unpack; the development kit tells the classes of the 50,000 images:
     mkdir -p {root}/imagenet/val
     tar -xf ILSVRC2012_img_val.tar -C {root}/imagenet/val
     tar -xzf ILSVRC2012_devkit_t12.tar.gz -C {root}/imagenet""",
    "stylized-imagenet": """\
stylized-imagenet cannot be fetched for you: its authors may not share it, everybody makes it from ImageNet. The steps:
  1. git clone https://github.com/rgeirhos/Stylized-ImageNet
  2. Get train.zip of https://www.kaggle.com/c/painter-by-numbers/data (38 GB of paintings, with an account) and unpack
     it into Stylized-ImageNet/code/paintings_raw
  3. In code/general.py, set IMAGENET_PATH (a folder with train/ and val/ in class folders) and STYLIZED_IMAGENET_PATH.
  4. In code/, run create_stylized_imagenet.sh, on a GPU; train and val take 134 GB.
  5. Move or link the result's val folder, 50,000 PNG of 224 x 224 in class folders n01440764/ ..., so that it is
     {root}/stylized-imagenet/val
Copies that others made are about. Figures depend on the rendering (top-1 of ResNet-50 is 7 to 20 % by the copy), so say
which one you used.""",
}

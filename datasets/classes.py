"""Which classes a data set has, and which of them the labels of a table mean."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache

from .errors import DataError, some
from .labels import WNIDS, index_of_wnid
from .tables.rows import Rows

log = logging.getLogger(__name__)

_WNID = re.compile(r"n\d{8}\b")
_MOST = 0.95  # of the names; a few are of other classes in lists made by hand, such as `sunglasses` of two
_NUMBER = re.compile(r"\d{1,4}")
_COUNTED = re.compile(r"(?P<before>\D*)(?P<number>\d{1,4})")
# torchvision's names for two classes that otherwise have the name of another one
_TORCHVISION = {"crane bird": "n02012849", "maillot tank suit": "n03710721"}


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a data set, by the names of its folders.

    label_of: folder name → label, None for what is no class. codes: the labels in the order of the integers that tables
    use. what: says of class folders how they are named, for messages. others: folder names that are known and left out,
    as they are no classes that a model could know. english: whether labels are indices of ImageNet's classes, which
    tables also name by WordNet id or in English.
    """

    label_of: Callable[[str], int | None]
    codes: Sequence[int]
    what: str
    others: Callable[[str], bool] = lambda _name: False
    english: bool = False


def codes_of_rows(rows: Rows, classes: Classes) -> dict[int, int]:
    """Say which class each integer means that labels a row of a table.

    The names that the table has for its classes tell. By position go integers without names, and names in the classes'
    own order, which nearly all known ones must confirm; if none is known, no order of the alphabet must do.
    Raises DataError for a table of other classes, and where the names leave a doubt.
    """
    names, used = rows.class_names, sorted({row.label for row in rows.rows})
    count = len(classes.codes if names is None else names)
    if outside := [label for label in used if not 0 <= label < count]:
        raise DataError(f"{rows.place} has the label {outside[0]}, but there are {count} classes, from 0")
    if names is None:
        return {label: classes.codes[label] for label in used}
    meant, known = _meaning(rows, names, classes), set(classes.codes)
    unclear = [names[label] for label in used if meant.get(label) not in known]
    if unclear:
        raise DataError(
            f"{rows.place} names {count} classes, and it is not clear which of the {len(known)} are meant by "
            f"{some(unclear)}. {classes.what}; name the table's classes so, or sort its images into such folders"
        )
    return {label: meant[label] for label in used}


def _meaning(rows: Rows, names: Sequence[str], classes: Classes) -> dict[int, int]:
    """Map the integers of which it is clear which class they mean, whether the data set has it or not."""
    orders = (classes.codes, range(len(WNIDS))) if classes.english else (classes.codes,)
    fitting = [order for order in orders if len(order) == len(names)]
    found = [_candidates(name, classes) for name in names]
    numbers = [int(name) for name in names if _NUMBER.fullmatch(name)]
    by_name = _by_name(names, [codes.intersection(classes.codes) for codes in found])
    for order in fitting:
        positions = dict(enumerate(order))
        if _confirmed(order, found) > _MOST:
            swapped = positions | by_name
            return swapped if len(set(swapped.values())) == len(order) else positions
        if sorted(numbers) == [*range(len(order))]:
            return {label: order[number] for label, number in enumerate(numbers)}
    if classes.english and sorted(numbers) == sorted(classes.codes):
        return dict(enumerate(numbers))
    in_alphabet = [*names] in (sorted(names), sorted(names, key=str.casefold)) and not _counted(names)
    if len(names) == len(classes.codes) and not (in_alphabet or numbers or any(found)):
        told = "the names of its classes are not known here, so labels are taken by position"
        log.warning("%s: %s: %s", rows.place, told, some(names))
        return dict(enumerate(classes.codes))
    return by_name


def _counted(names: Sequence[str]) -> bool:
    """Tell whether names are the same but for a number, which counts them from 0."""
    found = [_COUNTED.fullmatch(name) for name in names]
    return len({match and match["before"] for match in found}) == 1 and all(
        match and int(match["number"]) == position for position, match in enumerate(found)
    )


def _confirmed(order: Sequence[int], found: Sequence[Set[int]]) -> float:
    """Return which share of the known names mean the class at their position; 0 if most names are not known."""
    known = [code in codes for code, codes in zip(order, found, strict=True) if codes]
    return sum(known) / len(known) if 2 * len(known) > len(order) else 0.0


def _by_name(names: Sequence[str], found: Sequence[Set[int]]) -> dict[int, int]:
    """Map the integers whose name means one class that no other name means.

    Of a name's classes those are out that another name alone means: `crane` is the machine if there is `crane bird`.
    """
    times = Counter(names)
    alone = {code for codes in found if len(codes) == 1 for code in codes}
    left = [codes if len(codes) == 1 else codes - alone for codes in found]
    means = {label: next(iter(codes)) for label, codes in enumerate(left) if len(codes) == 1}
    meant = Counter(means.values())
    return {label: code for label, code in means.items() if meant[code] == times[names[label]] == 1}


def _candidates(name: str, classes: Classes) -> set[int]:
    """Return the classes that a name may mean, whether the data set has them or not; none for an unknown name."""
    label = classes.label_of(name)
    if label is None:
        label = classes.label_of(_plain(name))
    if label is None and classes.english and (wnid := _WNID.search(name)):
        label = index_of_wnid(wnid[0])
    if label is not None:
        return {label}
    return _english().get(_plain(name), set()) if classes.english else set()


@cache
def _english() -> Mapping[str, set[int]]:
    """Return the classes of ImageNet by their English names: the whole lists of synonyms, and each of these."""
    from timm.data import ImageNetInfo  # here, as it takes seconds and few tables need it

    info = ImageNetInfo()
    lists = {wnid: info.label_name_to_description(wnid) for wnid in WNIDS}
    named = [(name, wnid) for wnid, synonyms in lists.items() for name in (synonyms, *synonyms.split(","))]
    found: dict[str, set[int]] = {}
    for name, wnid in (*named, *_TORCHVISION.items()):
        found.setdefault(_plain(name), set()).add(WNIDS.index(wnid))
    return found


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())

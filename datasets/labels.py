"""The classes of ImageNet-1k: WordNet ids in the order of the models' outputs."""

from pathlib import Path

WNIDS: tuple[str, ...] = tuple((Path(__file__).parent / "labels" / "imagenet_1k_wnids.txt").read_text().split())

_INDEX = {wnid: index for index, wnid in enumerate(WNIDS)}


def index_of_wnid(wnid: str) -> int | None:
    """Return the class index 0-999 of a WordNet id such as "n01440764"; None when it is not one of the 1000."""
    return _INDEX.get(wnid)

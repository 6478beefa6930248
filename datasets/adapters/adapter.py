"""What a benchmark's data set is: where people keep it, how its files lie, and how many there should be."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from ..dataset import Collection
from ..labels import SPACES, LabelSpace
from ..sources import Tree
from ..tables.rows import Rows

Data = Tree | Rows  # a folder or archives, or a table with an image and a label in each row


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one data set is read.

    read: finds the samples in any of the layouts that are in use; raises DataError. space: key of `SPACES`. images: how
    many images each part has officially, None where that is not known. classes: how many classes, likewise. folders:
    where it is kept below a data root; its own name and its archives' are found besides. extras: parts that are
    published apart, without which it is complete. unnamed: one that may be any of the others, as nothing tells which.
    no_training: whether there are no training images of it, so that rows which are all called train are the data set.
    """

    name: str
    read: Callable[[Data], Collection]
    space: str
    images: Mapping[str, int | None]
    classes: int
    folders: tuple[str, ...] = ()
    extras: frozenset[str] = frozenset()
    unnamed: str = ""
    no_training: bool = False

    def missing(self, parts: Container[str]) -> tuple[str, ...]:
        """Name the published parts that are not among `parts`, but for extras."""
        if self.unnamed and self.unnamed in parts:
            return ()
        return tuple(part for part in self.images if part not in parts and part not in (*self.extras, self.unnamed))

    @property
    def labels(self) -> LabelSpace:
        """The classes, and how a decision for one of them is read off 1000 logits."""
        return SPACES[self.space]

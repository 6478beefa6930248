"""Data sets: which samples there are, what their files hold, and batches of their pixels."""

from .adapters import ADAPTERS, Adapter
from .dataset import NO_CLASS, Collection, Dataset, Fingerprint, Sample, Source, whole
from .decode import DecodeError, decode
from .errors import DataError
from .finding import Need, Whereabouts, find_all, size_note
from .labels import SPACES, WNIDS, LabelSpace, index_of_wnid
from .loader import Batch, Failure, chunks, load
from .registry import find, holds, open_dataset
from .sample import open_sample
from .sources import FolderSource
from .view import IMAGENET_C_VIEW, VIEWS, View

__all__ = [
    "ADAPTERS",
    "IMAGENET_C_VIEW",
    "NO_CLASS",
    "SPACES",
    "VIEWS",
    "WNIDS",
    "Adapter",
    "Batch",
    "Collection",
    "DataError",
    "Dataset",
    "DecodeError",
    "Failure",
    "Fingerprint",
    "FolderSource",
    "LabelSpace",
    "Need",
    "Sample",
    "Source",
    "View",
    "Whereabouts",
    "chunks",
    "decode",
    "find",
    "find_all",
    "holds",
    "index_of_wnid",
    "load",
    "open_dataset",
    "open_sample",
    "size_note",
    "whole",
]

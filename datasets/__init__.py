"""Data sets: which samples there are, what their files hold, and batches of their pixels."""

from .dataset import Dataset, Fingerprint, Sample, Source
from .decode import DecodeError, decode
from .errors import DataError
from .imagenet import open_imagenet
from .labels import WNIDS, index_of_wnid
from .loader import Batch, Failure, chunks, load
from .registry import OPENERS, find, open_dataset
from .sample import open_sample
from .sources import FolderSource
from .view import IMAGENET_C_VIEW, View

__all__ = [
    "IMAGENET_C_VIEW",
    "OPENERS",
    "WNIDS",
    "Batch",
    "DataError",
    "Dataset",
    "DecodeError",
    "Failure",
    "Fingerprint",
    "FolderSource",
    "Sample",
    "Source",
    "View",
    "chunks",
    "decode",
    "find",
    "index_of_wnid",
    "load",
    "open_dataset",
    "open_imagenet",
    "open_sample",
]

"""Which columns of a parquet file are the images and the labels, and what the labels mean."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import DataError, some

log = logging.getLogger(__name__)

_IMAGE_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "picture", "image_bytes")
_LABEL_NAMES = ("label", "labels", "cls", "class", "class_id", "target", "fine_label", "y")
_WNID_NAMES = ("wnid", "synset")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that matter. content: the one that holds the image files. path: their names, where these are stored.

    image is the column by its own name; `content` and `path` may be fields of it. class_names: what labels 0, 1, …
    mean, if the file says so. named: labels are no integers but names themselves.
    """

    image: str
    content: str
    path: str | None
    label: str
    class_names: tuple[str, ...] | None
    named: bool


def find_columns(schema: pa.Schema, place: Path) -> Columns:
    """Find the columns by what the hub's library notes in the schema, else by type, among several by usual names.

    Where no integers are labels for certain, a column of WordNet ids is. place: for messages. Raises DataError when
    there is none, it is unclear which one is meant, or classes have no list of names.
    """
    features = _features(schema, place)
    images = _of_kind(features, "Image", schema) or [field.name for field in schema if _holds_images(field.type)]
    noted = _of_kind(features, "ClassLabel", schema)
    labels = noted or [f.name for f in schema if pa.types.is_integer(f.type)]
    wnids = [] if noted or set(labels).intersection(_LABEL_NAMES) else _wnids(schema)
    image = _choose(images, _IMAGE_NAMES, "image files (bytes)", schema, place)
    label = wnids[0] if wnids else _choose(labels, _LABEL_NAMES, "integer labels", schema, place)
    kind = schema.field(image).type
    content, path = (f"{image}.bytes", f"{image}.path") if pa.types.is_struct(kind) else (image, None)
    has_path = path is not None and kind.get_field_index("path") >= 0
    names = _class_names(features.get(label, {}), place)
    return Columns(image, content, path if has_path else None, label, names, named=bool(wnids))


def _features(schema: pa.Schema, place: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return what the hub's library says of the columns; empty if it did not write the file."""
    noted = (schema.metadata or {}).get(b"huggingface")
    if noted is None:
        return {}
    try:
        features = json.loads(noted)["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s: what its schema says of the columns cannot be read (%s)", place, error)
        return {}


def _class_names(feature: Mapping[str, Any], place: Path) -> tuple[str, ...] | None:
    """Return what labels 0, 1, … mean. Raises DataError for names that are no list."""
    names = feature.get("names") or []
    if not isinstance(names, list):
        raise DataError(f"{place}: the classes' names in its schema are {json.dumps(names)[:80]}, and no list")
    return tuple(map(str, names)) or None


def _of_kind(features: Mapping[str, Mapping[str, Any]], kind: str, schema: pa.Schema) -> list[str]:
    fits: Mapping[str, Callable[[pa.DataType], bool]] = {"Image": _holds_images, "ClassLabel": pa.types.is_integer}
    return [
        name
        for name, feature in features.items()
        if feature.get("_type") == kind and name in schema.names and fits[kind](schema.field(name).type)
    ]


def _wnids(schema: pa.Schema) -> list[str]:
    texts = {field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)}
    return [name for name in _WNID_NAMES if name in texts]


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_images(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _choose(names: Sequence[str], usual: Sequence[str], what: str, schema: pa.Schema, place: Path) -> str:
    if len(names) == 1:
        return names[0]
    named = next((name for name in usual if name in names), None)
    if named is None:
        columns = some([f"{field.name} ({field.type})"[:80] for field in schema], 8)
        problem = f"several columns of {what}: {some(names)}" if names else f"no column of {what}"
        raise DataError(f"{place} has {problem}; its columns are {columns}. Name the one that counts {usual[0]}")
    return named

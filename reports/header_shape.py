"""What reports rely on in `run.json`, as a shape that is held against it: whoever edits it must be told where."""

from collections.abc import Iterator, Mapping
from typing import Any

_MODEL = {
    **dict.fromkeys(("name", "spec", "architecture", "source", "weights_sha256"), str),
    "random_weights": bool,
    "parameters": int,
    "preprocessing": dict,
}
_DATA = {"dataset": str, "layout": str, "count": int, "classes": int, "sha256": str}
# A type or several; [shape] for a list of such, {str: shape} for a mapping to such, {name: shape} for what must be
# there, or may be if the name ends with "?".
_IDENTITY = {
    "seed": int,
    "precision": str,
    "models": [_MODEL],
    "data": [_DATA],
    "suites": [str],
    "limit?": (int, type(None)),
    "views?": {str: str},
    "conditions?": {str: [str]},
    "surrogates?": [_MODEL],
    "jpeg?": bool,
}
SHAPE = {
    **dict.fromkeys(("name", "command", "version", "start"), str),
    "end?": (str, type(None)),
    "notes": [str],
    "identity": _IDENTITY,
    "environment": dict,
    "findings?": [{str: str}],
    "records_expected?": int,
    "records_done?": int,
    "failures?": int,
    "suite_records?": {str: int},
    "suite_notes?": {str: str},
    "suite_sources?": {str: str},
}


def misfits(value: Any, shape: Any = SHAPE, place: str = "") -> Iterator[str]:
    """Yield what of a value from JSON is not as `shape` says, as `identity.models.0.name is missing`."""
    if isinstance(shape, list):
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from misfits(item, shape[0], f"{place}{number}.")
        else:
            yield f"{place.rstrip('.')} is no list"
    elif isinstance(shape, Mapping):
        if isinstance(value, dict):
            yield from _inside(value, shape, place)
        else:
            yield f"{place.rstrip('.') or 'it'} is no object"
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is int):
        yield f"{place.rstrip('.')} is {str(value)[:40]!r}"


def _inside(value: Mapping[str, Any], shape: Mapping[Any, Any], place: str) -> Iterator[str]:
    if str in shape:
        for name, item in value.items():
            yield from misfits(item, shape[str], f"{place}{name}.")
        return
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name in value:
            yield from misfits(value[name], inner, f"{place}{name}.")
        elif name == key:
            yield f"{place}{name} is missing"

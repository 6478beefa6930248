"""Ways to damage valid input, so that a parser comes far before it meets what is wrong."""

import copy
import json
import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_places = st.integers(0, 600) | st.integers(-600, -1) | st.integers(0, 2**16)
_edits = st.one_of(
    st.tuples(st.just("flip"), _places, st.integers(1, 255)),
    st.tuples(st.just("cut"), _places),
    st.tuples(st.just("remove"), _places, st.integers(1, 600)),
    st.tuples(st.just("repeat"), _places, st.integers(1, 600), st.integers(1, 40)),
    st.tuples(st.just("number"), _places, st.sampled_from(NUMBERS), st.sampled_from([*_WIDTHS]), st.booleans()),
    st.tuples(st.just("bytes"), _places, st.binary(max_size=12)),
)
DEEP = 100_000  # brackets within brackets
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3, 1.5, 1e308, float("nan"), float("inf"), 10**30, "", "x", "0", "1e400", "\ud800"),
    *("a\nb", "../../outside", "é" * 300, [], {}, [None], [1, 2, 3], {"a": 1}, {"": None}, [[[]]], ["x"] * 30),
)


def damaged(seeds: Sequence[bytes], most: int = 4) -> SearchStrategy[bytes]:
    """Change one of the seeds in 0 to `most` places: flips, cuts, splices, numbers of a header, repetitions."""
    return st.builds(_edited, st.sampled_from(seeds), st.lists(_edits, max_size=most))


def _edited(content: bytes, edits: Sequence[tuple[Any, ...]]) -> bytes:
    for kind, place, *how in edits:
        at = place % (len(content) + 1)
        if kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ how[0]]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "remove":
            content = content[:at] + content[at + how[0] :]
        elif kind == "repeat":
            content = content[:at] + content[at : at + how[0]] * how[1] + content[at:]
        elif kind == "number":
            number, width, big = how
            packed = struct.pack((">" if big else "<") + _WIDTHS[width], number % 2 ** (8 * width))
            content = content[:at] + packed + content[at + width :]
        elif kind == "bytes":
            content = content[:at] + how[0] + content[at:]
    return content


_changes = st.lists(
    st.tuples(st.integers(0, 2**16), st.sampled_from(["set", "set", "drop", "rename", "wrap"]), st.sampled_from(ODD)),
    max_size=3,
)


def damaged_values(seeds: Sequence[Any]) -> SearchStrategy[Any]:
    """Change values, anywhere in what JSON can hold: to others, to none, to other names, to lists of themselves."""
    return st.builds(_changed, st.sampled_from(seeds), _changes)


def damaged_json(seeds: Sequence[Any]) -> SearchStrategy[bytes]:
    """JSON with values changed, or bytes of it, or nested without end."""
    changed = damaged_values(seeds).map(lambda value: json.dumps(value).encode())
    texts = [json.dumps(seed).encode() for seed in seeds]
    return changed | changed | changed | damaged(texts, 2) | st.sampled_from([b"[" * DEEP, b'{"a":' * DEEP, b""])


def _changed(value: Any, changes: Sequence[tuple[int, str, Any]]) -> Any:
    value = json.loads(json.dumps(value))
    for number, kind, odd in changes:
        holders = list(_holders(value))
        if not holders:
            return odd
        holder, key = holders[number % len(holders)]
        if kind == "drop":
            del holder[key]
        elif kind == "rename" and isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        else:
            holder[key] = [holder[key]] if kind == "wrap" else copy.deepcopy(odd)
    return value


def _holders(value: Any) -> Any:
    """Yield every place below a value: what holds it, and under which key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _holders(inner)

"""What differs between runs that are compared: their data first, then weights, protocol, program and machine."""

from collections.abc import Mapping
from typing import Any

from .cells import NOT_MEASURED, plain
from .results import Results
from .table import Table

DATA = "data set"  # what a difference in data begins with
_OWN = (DATA, "weights of", "preparation of", "view of", "conditions of")  # that a run lacks one is no difference
_PROTOCOL = ("precision", "limit", "jpeg", "decoder", "seed")
_ENVIRONMENT = ("device", "compiled", "generators", "versions")

Runs = Mapping[str, Results]  # by the run's name in the comparison
Differences = dict[str, dict[str, str]]  # what → run → how it is there


def differences(runs: Runs) -> Differences:
    """List what differs, from what weighs most to what weighs least."""
    facts = {run: _facts(results) for run, results in runs.items()}
    names = sorted({name for own in facts.values() for name in own}, key=lambda name: _rank(name, facts))
    values = {name: {run: plain(own.get(name)) for run, own in facts.items()} for name in names}
    return {name: row for name, row in values.items() if _differ(name, row)}


def table(found: Differences) -> Table:
    """Lay out the differences: what down, runs across."""
    runs = next(iter(found.values()), {})
    rows = tuple((name, *row.values()) for name, row in found.items())
    return Table("What differs between the runs.", ("what", *runs), rows, 1 + len(runs))


def _rank(name: str, facts: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """Place a fact by its kind, data first, and then as runs have it."""
    kind = next((place for place, start in enumerate(_OWN) if name.startswith(start)), len(_OWN))
    return kind, min(list(own).index(name) for own in facts.values() if name in own)


def _differ(name: str, row: Mapping[str, str]) -> bool:
    values = set(row.values())
    return len(values - {NOT_MEASURED} if name.startswith(_OWN) else values) > 1


def _facts(results: Results) -> dict[str, Any]:
    """List what a run may differ in."""
    identity, environment = results.header["identity"], results.header["environment"]
    facts: dict[str, Any] = {"program version": results.header["version"]}
    for name in dict.fromkeys(map(str, results.scores["dataset"])):
        data = results.data_of(name)
        facts[f"{DATA} {name}"] = f"{data['count']} images, {data['sha256'][:12]}" if data else "not recorded"
    for model in identity["models"]:
        facts[f"weights of {model['spec']}"] = f"{model['source']}, {model['weights_sha256'][:12]}"
        facts[f"preparation of {model['spec']}"] = model.get("preprocessing")
    for model in identity.get("surrogates", ()):
        facts[f"weights of surrogate {model['spec']}"] = f"{model['source']}, {model['weights_sha256'][:12]}"
    facts |= {f"view of {suite}": view for suite, view in identity.get("views", {}).items()}
    facts |= {f"conditions of {suite}": own for suite, own in identity.get("conditions", {}).items()}
    facts |= {key: identity.get(key) for key in _PROTOCOL}
    return facts | flat({key: environment.get(key) for key in _ENVIRONMENT})


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the entries of mappings among the values beside the others."""
    return {
        f"{name}, {inner}" if inner else name: entry
        for name, value in values.items()
        for inner, entry in (value.items() if isinstance(value, dict) else (("", value),))
    }

"""What a reader must know before using a figure: warnings that stand on top, and what limits the rest."""

from collections.abc import Iterator

from .cells import SO_FAR
from .results import Results
from .unfinished import will_grow

_INTERVALS = (
    "Intervals are 95 % intervals over the choice of images: Wilson's for rates, the percentile bootstrap over images "
    "for corruption errors. They do not cover the training of a model or the random draws of corruptions and attacks."
)
_ATTACKS = (
    "Robust accuracy is an upper bound: it holds for the attacks that were run, and a stronger or an adaptive attack "
    "can only lower it. Whether the attacker's budget fits a real threat is not for these figures to say."
)
_MCE = "mCE and relative mCE are normalised by AlexNet's published errors on ImageNet-C."


def warnings(results: Results) -> tuple[str, ...]:
    """What stands at the top of every report: the run's own notes, and what its header shows to be amiss."""
    return tuple(dict.fromkeys(_warnings(results)))


def _warnings(results: Results) -> Iterator[str]:
    header = results.header
    yield from header["notes"]
    done, expected = header.get("records_done"), header.get("records_expected")
    if done is not None and expected is not None and done < expected and will_grow(header):
        yield (
            f"The run is not complete: {done:,} of {expected:,} records are done. Figures of suites that lack some are "
            f"marked “{SO_FAR}”: they will change, and so may every comparison of them."
        )
    if findings := header.get("findings"):
        names = dict.fromkeys(f"{finding['name']} ({finding['model']})" for finding in findings)
        yield f"The audit of the attacks found: {', '.join(names)}. What that means stands below, or in run.json."
    if failures := header.get("failures"):
        yield (
            f"{failures:,} failure{'' if failures == 1 else 's'}: images that could not be read are missing from the "
            "figures, logits that were not finite count as wrong; failures.csv says which."
        )


def audit(results: Results) -> tuple[str, ...]:
    """What an audit of the attacks found: what was seen, what it means and what to do; errors first."""
    findings = sorted(results.header.get("findings") or (), key=lambda finding: finding["severity"] != "error")
    return tuple(f"{finding['severity'].capitalize()}, {finding['model']}: {finding['text']}." for finding in findings)


def limits(results: Results) -> tuple[str, ...]:
    """What limits the figures, as sentences."""
    return (*_general(results), *_remarks(results))


def _general(results: Results) -> Iterator[str]:
    yield _INTERVALS
    metrics = {row.metric for row in results.measurements if row.value is not None}
    if metrics & {"mce", "relative_mce", "ce", "relative_ce"}:
        yield _MCE
    if metrics & {"robust_accuracy", "attack_success_rate"}:
        yield _ATTACKS
    if isinstance(limit := results.header["identity"].get("limit"), int):
        yield f"Only the first {limit} samples of each data set were used."


def _remarks(results: Results) -> Iterator[str]:
    """The notes on measured figures, once for each suite."""
    noted = ((row.suite, row.note) for row in results.measurements if row.note and row.value is not None)
    yield from (f"{suite}: {note.rstrip('.')}." for suite, note in dict.fromkeys(noted))

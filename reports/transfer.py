"""The transfer matrix: how often images made on one model fool another (Papernot et al. 2016, arXiv:1605.07277)."""

import re

from .cells import figure
from .images import MADE_ON
from .results import Results
from .table import Table, without_severity

_SURROGATE = re.compile(r",surrogate=([^,()]*)|surrogate=([^,()]*),?")  # within a condition's key


def transfer_tables(results: Results) -> tuple[Table, ...]:
    """One table per data set and attack: attack success rates, a row a model attacked, a column a model that judges."""
    rates = {key: row for key, row in without_severity(results).items() if key[-1] == "attack_success_rate"}
    made_on = {condition: _SURROGATE.search(condition) for _, _, _, condition, _ in rates}
    cells: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for (model, _, dataset, condition, _), row in rates.items():
        if found := made_on[condition]:
            attack = condition.replace(found[0], "").replace("()", "")
            images, _, made_by = dataset.partition(MADE_ON)
            cells.setdefault((images, attack), {})[made_by or found[1] or found[2], model] = figure(row)
    return tuple(_table(*of, matrix) for of, matrix in cells.items() if len(matrix) > 1)


def _table(dataset: str, attack: str, matrix: dict[tuple[str, str], str]) -> Table:
    surrogates, models = (dict.fromkeys(names) for names in zip(*matrix, strict=True))
    rows = tuple((made_on, *(matrix.get((made_on, model), "") for model in models)) for made_on in surrogates)
    caption = (
        f"Transfer of {attack} on {dataset}: success rate in the columns' models of images made on the rows'; "
        "95 % intervals in brackets."
    )
    return Table(caption, ("made on", *models), rows)

"""The transfer matrix of a report."""

import pandas as pd
import pytest
from test_reports import header, score

from reports import Results
from reports.results import COLUMNS
from reports.transfer import transfer_tables


def of(*rates: tuple[str, str, float]) -> Results:
    rows = [score("adversarial", condition, "attack_success_rate", value, model=m) for m, condition, value in rates]
    return Results(header(*dict.fromkeys(m for m, *_ in rates)), pd.DataFrame(rows, columns=COLUMNS))


@pytest.mark.parametrize(
    ("own", "attack"),
    [
        ("pgd(norm=linf,eps=4/255,surrogate={})", "pgd(norm=linf,eps=4/255)"),
        ("fgsm(surrogate={},steps=1)", "fgsm(steps=1)"),
    ],
)
def test_rows_are_attacked_and_columns_judge(own: str, attack: str) -> None:
    rates = {("a", "a"): 1.0, ("a", "b"): 0.25, ("org/b", "a"): 0.5, ("org/b", "b"): 0.75}
    measured = [(model, own.format(made_on), rate) for (made_on, model), rate in rates.items()]
    (table,) = transfer_tables(of(*measured, ("a", attack, 0.9)))
    assert f"Transfer of {attack} on " in table.caption
    assert table.columns == ("made on", "a", "b")
    assert [[cell.split(" %")[0] for cell in row] for row in table.rows] == [
        ["a", "100.0", "25.0"],
        ["org/b", "50.0", "75.0"],
    ]


def test_a_single_pair_and_plain_attacks_make_no_matrix() -> None:
    assert transfer_tables(of(("a", "pgd(eps=1/255)", 0.9), ("b", "pgd(eps=1/255)", 0.8))) == ()
    assert transfer_tables(of(("a", "pgd(eps=1/255,surrogate=b)", 0.9))) == ()

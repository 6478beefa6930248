"""AlexNet's top-1 errors on ImageNet-C, by which corruption errors are normalised.

`alexnet_imagenet_c.csv` holds them for each corruption and severity, from the README of hendrycks/robustness at commit
76d9393 (Hendrycks and Dietterich 2019, arXiv:1903.12261). Its column `alexnet_err_avg` is the mean of `s1` ... `s5` to
all six digits; the sums of `s1` ... `s5` are what is used here. The clean error .4348 is the one that relative mCE is
defined with (google-research/robustness_metrics). Every error is a share of the 50,000 validation images; summed as
images, it is exactly what a classifier with the same errors has, and AlexNet's own CE is 100 to the last bit.
"""

from importlib.resources import files

import pandas as pd

SEVERITIES = (1, 2, 3, 4, 5)
IMAGES = 50_000


def _read() -> pd.DataFrame:
    """Read the table; index: corruption."""
    with (files(__package__) / "alexnet_imagenet_c.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col="corruption")


_TABLE = _read()
_BY_SEVERITY = _TABLE[[f"s{severity}" for severity in SEVERITIES]].dropna()

CLEAN_ERROR = float(_TABLE.loc[_TABLE["tar"].isna(), "alexnet_err_avg"].item())
ERRORS: dict[str, tuple[float, ...]] = {str(name): tuple(row) for name, row in _BY_SEVERITY.iterrows()}
SUMMED_ERRORS = {name: round(sum(errors) * IMAGES) / IMAGES for name, errors in ERRORS.items()}

EXTRA = tuple(str(name) for name in _TABLE.index[_TABLE["tar"] == "extra"])
STANDARD = tuple(name for name in ERRORS if name not in EXTRA)
GROUPS: dict[str, tuple[str, ...]] = {
    str(group): tuple(map(str, names))
    for group, names in _TABLE.loc[list(STANDARD)].groupby("tar", sort=False).groups.items()
}

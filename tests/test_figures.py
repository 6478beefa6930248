"""Figures and the tables that they are drawn from: what they show, of whom, and that no name breaks one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from test_reports import NASTY, header, of_model, results, score

from reports import Details, ReportError, Results, read_details, write
from reports.class_tables import class_tables
from reports.details import COLUMNS, files
from reports.document import document
from reports.examples import examples
from reports.figures import Figure, figures
from reports.figures.colours import SERIES, SHADES, TOKENS, VARIABLES, styled
from reports.figures.drawing import slug
from reports.heat import SCALE, contrast
from reports.results import COLUMNS as SCORES
from reports.selection import MOST, selection_note, shown

SVG = "{http://www.w3.org/2000/svg}"
CONTROL = "red\x1b[31m"
OUTSIDE = 'x/../../../evil"><h1>'


def of(*rows: dict[str, Any], models: Sequence[str] = ("a",), **details: pd.DataFrame) -> Results:
    return Results(header(*models), pd.DataFrame(rows, columns=SCORES), details=Details(details))


def drawn(made: Results) -> dict[str, Figure]:
    return {figure.name: figure for own in figures(made).values() for figure in own}


def texts(figure: Figure) -> list[str]:
    """Read the words of a figure as an XML reader does, which refuses what is not well-formed."""
    root = ElementTree.fromstring(figure.svg)  # noqa: S314 (our own)
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def reliability(*models: str, n: int = 20) -> pd.DataFrame:
    rows = [
        (model, suite, "imagenet", condition, severity, bin_ / 15, 0.5, 0.4, 0.6, n)
        for model in models
        for suite, condition, severity in (("imagenet", "clean", None), ("imagenet-c", "all", 3))
        for bin_ in (10, 15)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["reliability"])).astype({"severity": "Int8"})


def around_a_line(*models: str) -> pd.DataFrame:
    known = [("standard", "alexnet", 0.56, 0.1), ("line", "", 0.5, 0.1), ("line", "", 0.9, 0.5)]
    rows = [("imagenet-r", "clean", kind, name, x, None, None, y, None, None, None) for kind, name, x, y in known]
    own = [("imagenet-r", "clean", "measured", name, 0.8, 0.7, 0.9, 0.3, 0.2, 0.4, 20) for name in models]
    return pd.DataFrame(rows + own, columns=list(COLUMNS["testbed"]))


def shape_bias(*models: str) -> pd.DataFrame:
    rows = [(model, "cue", "cue", name, 0.3, 0.2, 0.4, 20) for model in models for name in ("airplane", "bear")]
    return pd.DataFrame(rows, columns=list(COLUMNS["shape_bias"]))


def everything(*models: str) -> Results:
    rows = [row for name in models for row in of_model(name)]
    details = {
        "reliability": reliability(*models),
        "testbed": around_a_line(*models),
        "shape_bias": shape_bias(*models),
    }
    return of(*rows, models=models, **details)


# What is drawn


def test_every_kind_of_figure_is_drawn() -> None:
    assert set(drawn(everything("a", "b"))) == {
        "clean-and-imagenet-c",
        "shift-imagenet-r",
        "heat-map-imagenet-c",
        "severities-imagenet-c",
        "epsilon-linf-imagenet",
        "reliability-imagenet-c",
        "shape-bias-cue",
    }
    assert not drawn(of())


@pytest.mark.parametrize("names", [(NASTY, "b"), (CONTROL, r"\input{x}"), ("x" * 300, "<b>&amp;")])
def test_no_name_breaks_a_figure(names: tuple[str, str]) -> None:
    for figure in drawn(everything(*names)).values():
        words = texts(figure)
        if figure.name.startswith(("shift", "clean-and", "severities", "epsilon")):
            for name in names:
                shown_as = re.sub(r"[^ -~]", "?", name)[:20]
                assert any(word.startswith(shown_as) for word in words), figure.name
        assert figure.png.startswith(b"\x89PNG")
        assert "<script" not in figure.inline


def test_no_suite_breaks_the_name_of_a_figure() -> None:
    made = everything("a", "b")
    suites = {"suite": dict.fromkeys(("imagenet-c", "imagenet-r", "cue", "adversarial"), OUTSIDE)}
    tables = {name: table.replace(suites) for name, table in made.details.tables.items()}
    hostile = drawn(replace(made, scores=made.scores.replace(suites), details=Details(tables)))
    assert len(hostile) == len(drawn(made))
    for name, figure in hostile.items():
        assert name == slug(name)
        assert "<h1" not in figure.inline


def test_svg_and_png_files_are_of_the_same_picture(tmp_path: Path) -> None:
    paths = write(everything("a"), tmp_path, ["html"])
    names = {path.name for path in paths if path.parent.name == "figures"}
    assert {name.removesuffix(".svg") for name in names if name.endswith(".svg")} == set(drawn(everything("a")))
    size = re.search(r'width="(\d+)" height="(\d+)"', (tmp_path / "figures/severities-imagenet-c.svg").read_text())
    assert size
    png = (tmp_path / "figures/severities-imagenet-c.png").read_bytes()
    assert [int.from_bytes(png[place : place + 4], "big") for place in (16, 20)] == [
        3 * int(side) for side in size.groups()
    ]


def test_heat_map_has_a_cell_for_each_error() -> None:
    figure = drawn(results("a", "b"))["heat-map-imagenet-c"]
    cells = [color for color in re.findall(r'fill="(#[0-9a-f]{6})"', figure.svg) if color in SCALE]
    assert len(cells) == 2 * (5 + 4)
    assert texts(figure).count("50") == 2 * 5
    assert "a from 10.0 % [0.0, 20.0] (fog, severity 1) to 50.0 %" in figure.text


def test_intervals_are_drawn_where_there_are_any() -> None:
    bare = [row | {"low": None, "high": None} for row in of_model("a")]
    made = [drawn(of(*rows))["epsilon-linf-imagenet"].svg for rows in (of_model("a"), bare)]
    assert made[0].count("<line") > made[1].count("<line")


def test_epsilon_is_read_off_each_kind_of_attack() -> None:
    conditions = {
        "pgd(norm=linf,eps=4/255,steps=40)": 4,
        "fmn(norm=linf,steps=100) within 0.5/255": 0.5,
        "worst(norm=linf,eps=8/255)": 8,
        "pgd(norm=l2,eps=0.5,steps=40)": 0.5,
    }
    rows = [score("adversarial", condition, "robust_accuracy", 0.2) for condition in conditions]
    made = drawn(of(*rows, score("imagenet", "clean", "top1", 0.7)))
    assert set(made) == {"epsilon-linf-imagenet", "epsilon-l2-imagenet"}
    said = made["epsilon-linf-imagenet"].text
    for part in ("pgd (steps 40): 20.0 % [10.0, 30.0] at 4", "fmn (steps 100): 20.0", "at 0.5", "worst case of all"):
        assert part in said
    assert "L2 radius" in texts(made["epsilon-l2-imagenet"])


def test_the_curve_of_a_data_set_begins_at_its_own_clean_accuracy() -> None:
    own = {"dataset": "imagenet-r"}
    attacked = score("adversarial", "fgsm(norm=linf,eps=4/255)", "robust_accuracy", 0.2, **own)
    companion = score("imagenet-r", "clean", "top1", 0.9)
    clean = score("imagenet-r", "clean", "top1", 0.6, **own)
    for rows, starts in (([attacked, companion], False), ([attacked, companion, clean], True)):
        figure = drawn(of(*rows))["epsilon-linf-imagenet-r"]
        assert ("at 0: clean accuracy" in figure.caption) == starts


@pytest.mark.parametrize("sets", [("imagenet 5ea1", "imagenet 07he"), ("imagenet", "imagenet-c")])
def test_figures_of_two_image_sets_are_files_of_their_own(sets: tuple[str, str]) -> None:
    rows = [row | {"dataset": data} for data in sets for n in "ab" for row in of_model(n)]
    made = figures(of(*rows, models=("a", "b")))
    names = [figure.name for section in made.values() for figure in section]
    assert len({*names}) == len(names)
    assert f"clean-and-imagenet-c-{sets[0].replace(' ', '-')}" in names


@pytest.mark.parametrize("count", [MOST, MOST + 2])
def test_attacks_are_told_apart_by_colour_or_by_panel(count: int) -> None:
    attacks = [f"pgd(norm=linf,eps={eps}/255,steps={steps})" for steps in range(1, count + 1) for eps in (1, 2)]
    rows = [score("adversarial", attack, "robust_accuracy", 0.2) for attack in attacks]
    figure = drawn(of(*rows))["epsilon-linf-imagenet"]
    coloured = set(SERIES) & set(re.findall(r'"(#[0-9a-f]{6})"', figure.svg))
    assert coloured == set(SERIES if count <= MOST else SERIES[:1])
    words = texts(figure)
    assert all(words.count(f"pgd (steps {steps})") == 1 for steps in range(1, count + 1))
    assert words.count("robust accuracy") == (1 if count <= MOST else 3)  # an axis for each row of panels


@pytest.mark.parametrize("condition", ["rotations", "patch(size=50)", "pgd(norm=linf,eps=much)", "(", "fmn(norm=linf)"])
def test_attacks_without_a_radius_have_no_curve(condition: str) -> None:
    assert not drawn(of(score("adversarial", condition, "robust_accuracy", 0.2)))


def test_models_of_a_shift_are_told_in_words() -> None:
    figure = drawn(everything("a", "b"))["shift-imagenet-r"]
    said = "; ".join(f"{model} 80.0 % clean, 30.0 % shifted" for model in "ab")
    assert figure.text == f"Among 1 standard models of the ImageNet testbed: {said}."
    assert "clean top-1 accuracy" in texts(figure)


def test_bins_of_few_images_are_left_out() -> None:
    assert not drawn(of(reliability=reliability("a", n=9)))
    assert "severity 3: +33.3" in drawn(of(reliability=reliability("a", n=10)))["reliability-imagenet-c"].text


# Colours


def test_series_stand_out_from_both_papers_and_from_each_other() -> None:
    light, dark = TOKENS["paper"]
    for name, (one, other) in TOKENS.items():
        if name not in ("paper", "line"):
            assert contrast(one, light) >= (4.5 if name in ("ink", "faint") else 3), name
            assert contrast(other, dark) >= (4.5 if name in ("ink", "faint") else 3), name
    assert len(set(SERIES)) == MOST


def test_numbers_on_heat_maps_can_be_read_in_both_schemes() -> None:
    for index in range(len(SCALE)):
        for scheme in (0, 1):
            assert contrast(SHADES[f"on-shade-{index}"][scheme], SHADES[f"shade-{index}"][scheme]) >= 4.5


def test_inline_figures_follow_the_page() -> None:
    lights = [light for light, _ in VARIABLES.values()]
    assert len(set(lights)) == len(lights)  # or a colour would become another's variable
    inline = drawn(results("a", "b"))["heat-map-imagenet-c"].inline
    assert not re.search(r'(?:fill|stroke)="#', inline)
    assert inline.startswith('<svg role="img" aria-labelledby="heat-map-imagenet-c-text"')
    assert styled('<a fill="#ffffff">') == '<a fill="var(--paper)">'


def test_names_of_files_are_plain() -> None:
    assert slug("../ImageNet-C (my data)") == "imagenet-c-my-data"


# Many models


def test_of_many_models_the_best_are_shown() -> None:
    names = [f"m{index}" for index in range(7)]
    made = of(
        *(score("imagenet-c", "all", "mean_error", (7 - i) / 10, model=n) for i, n in enumerate(names)), models=names
    )
    assert shown(made) == names[2:]
    assert selection_note(made)[0].startswith(
        "Of 7 models, words, heat maps and figures are of the 5 best by mean error"
    )
    other = of(*(score("imagenet", "clean", "top1", (7 - i) / 10, model=n) for i, n in enumerate(names)), models=names)
    assert shown(other) == names[:5]
    assert "the first 5" in selection_note(of(models=names))[0]
    assert shown(results("a", "b")) == ["a", "b"] and not selection_note(results("a", "b"))


def test_other_models_are_grey() -> None:
    names = [f"m{index}" for index in range(7)]
    rows = [row for place, name in enumerate(names) for row in of_model(name, place / 100)]
    figure = drawn(of(*rows, models=names))["clean-and-imagenet-c"]
    assert "2 other models are grey" in figure.caption
    assert set(texts(figure)) & set(names) == set(names[2:])


# Classes


def classes(count: int, **columns: Any) -> pd.DataFrame:
    rows = [
        ("a", "imagenet-c", "imagenet", i, f"class {i}", 0.9, 0.9 - i / 100, -i / 100, -0.5, 0.1, 50)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["classes"])).assign(**columns)


def test_classes_at_both_ends() -> None:
    (table,) = class_tables(of(classes=classes(30)))
    assert [row[1] for row in table.rows] == [f"class {i} ({i})" for i in (29, 28, 27, 26, 25, 4, 3, 2, 1, 0)]
    assert table.rows[0][2:] == ("90.0 %", "61.0 %", "-29.0 [-50.0, +10.0]", "50")
    assert "of 30" in table.caption


def test_few_classes_are_all_there_once() -> None:
    (table,) = class_tables(of(classes=classes(4, low=None, high=None)))
    assert [row[4] for row in table.rows] == ["-3.0", "-2.0", "-1.0", "+0.0"]
    assert not class_tables(of(classes=classes(1)))


# Details on disk


def picture(**columns: Any) -> pd.DataFrame:
    row = {"sample_id": "1", "model": "a", "what": "clean", "file": "figures/examples/1.png", "label": "tench"}
    return pd.DataFrame([row | {"prediction": "tench", "confidence": 0.9} | columns])


def test_a_report_is_drawn_again_from_what_it_wrote(tmp_path: Path) -> None:
    first = everything("a", NASTY)
    pictured = {**first.details.tables, "examples": picture()}
    first = replace(first, details=Details(pictured, {"figures/examples/1.png": b"\x89PNG"}))
    write(first, tmp_path, ["csv", "html"])
    (tmp_path / "figures/examples/1.png").rename(tmp_path / "away.png")
    assert read_details(tmp_path).absent == ("figures/examples/1.png",)
    assert read_details(tmp_path).table("examples").empty
    (tmp_path / "figures/examples/1.png").mkdir()
    with pytest.raises(ReportError, match=r"figures/examples/1.png of details/examples.csv cannot be read"):
        read_details(tmp_path)
    (tmp_path / "figures/examples/1.png").rmdir()
    (tmp_path / "away.png").rename(tmp_path / "figures/examples/1.png")
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.name != "scores.csv"}
    write(replace(first, details=read_details(tmp_path)), tmp_path, ["csv", "html"])
    assert {path: path.read_bytes() for path in written} == written


def test_examples_are_kept_when_tables_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "details").mkdir()
    (tmp_path / "1.png").write_bytes(b"png")
    pictured = Details({"classes": classes(3), "examples": picture(file="1.png")}, {"1.png": b"png"})
    for name, content in files(pictured).items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert set(read_details(tmp_path, {}).tables) == {"examples"}
    assert read_details(tmp_path, {}).pictures == {"1.png": b"png"}
    assert set(read_details(tmp_path).tables) == {"classes", "examples"}
    assert not read_details(tmp_path / "none").tables


def test_pictures_say_what_was_seen() -> None:
    table = pd.concat([picture(), picture(what="perturbation × 30", prediction="", confidence=None)])
    made = replace(of(), details=Details({"examples": table}, {"figures/examples/1.png": b"abc"}))
    (example,) = examples(made)
    assert example.title == "1 (tench), a"
    assert [(p.source, p.what, p.said) for p in example.pictures] == [
        ("data:image/png;base64,YWJj", "clean", "tench, 90.0 %"),
        ("data:image/png;base64,YWJj", "perturbation × 30", ""),
    ]
    assert not any(section.examples for section in document(made).sections)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd.png", "run.json"])
def test_only_pictures_in_the_folder_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.png").write_bytes(b"")
    with pytest.raises(ReportError, match=re.escape(name)):
        read_details(tmp_path / "run", {"examples": picture(file=name)})


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"unheard": pd.DataFrame()}, "unknown details 'unheard'; known: reliability, classes"),
        ({"classes": pd.DataFrame({"model": ["a"]})}, "classes.csv is incomplete; missing: suite, dataset"),
        ({"examples": picture()}, "missing: figures/examples/1.png"),
    ],
)
def test_wrong_details_are_refused(tables: dict[str, pd.DataFrame], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        Details(tables)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "details").mkdir()
    (tmp_path / "details/classes.csv").write_bytes(b'a,b\n"')
    with pytest.raises(ReportError, match=r"classes.csv cannot be read"):
        read_details(tmp_path)

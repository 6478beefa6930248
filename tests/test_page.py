"""The page: golden file of a fixed run, and what a browser shows of it.

UPDATE_GOLDEN=1 python -m pytest tests/test_page.py writes the golden file anew; look at the difference.
"""

import os
import re
import shutil
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Details, Results, write
from reports.html import render
from reports.results import COLUMNS
from reports.stored import read_header, read_tables
from robustness.metrics.alexnet import STANDARD

RUN = Path(__file__).parent / "golden" / "page"
GOLDEN = RUN / "report.html"
HOSTILE = r"<script>alert(1)</script> \input{x}"


@pytest.fixture(scope="module")
def results() -> Results:
    return read_tables(RUN, read_header(RUN))


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    content = render(results)["report.html"]
    assert isinstance(content, str)
    return content


def stable(html: str) -> str:
    """Leave out what another version of vl-convert may draw differently, and what is read as a file of its own."""
    for part in ("svg", "style", "script"):
        html = re.sub(rf"<{part}\b.*?</{part}>", f"<{part}/>", html, flags=re.DOTALL)
    return re.sub("sha256-[^&]*", "sha256-", html)


def test_golden_file(html: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(stable(html), encoding="utf-8")
    assert stable(html) == GOLDEN.read_text(encoding="utf-8"), "see the top of this file"


def test_same_results_give_the_same_bytes(results: Results, html: str) -> None:
    assert render(replace(results))["report.html"] == html


def test_hostile_names_are_text(html: str) -> None:
    assert html.count("<script") == 1
    assert html.count("alert(1)") > 50
    assert re.search(r"<text[^>]*>&lt;script&gt;alert\(1\)&lt;/script&gt; \\input\{x\}</text>", html)
    assert "<b>1.JPEG" not in html


def test_the_policy_allows_one_script_and_no_request(html: str) -> None:
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script
    digest = b64encode(sha256(script[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "default-src &#39;none&#39;" in policy[1]
    assert f"script-src &#39;sha256-{digest}&#39;" in policy[1]


def test_ids_are_unique_and_references_lead_to_them(html: str) -> None:
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(set(ids)) == len(ids)
    wanted = re.findall(r'aria-labelledby="([^"]*)"', html) + re.findall(r'href="#([^"]*)"', html)
    assert set(wanted + re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)


def test_sections_with_pictures_and_figures_are_left_out_without_them(results: Results) -> None:
    bare = render(replace(results, details=Details()))["report.html"]
    assert isinstance(bare, str)
    for title in ("Examples", "Classes", "Calibration", "Shape or texture"):
        assert f">{title}</h2>" not in bare


@pytest.fixture(scope="module")
def many(results: Results, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The page of 1,000 models, and the seconds that it took."""
    folder, scores = tmp_path_factory.mktemp("many"), thousand(results)
    begun = time.process_time()
    write(scores, folder, ["html"])
    return folder / "report.html", time.process_time() - begun


def test_a_thousand_models_make_a_small_page_fast(many: tuple[Path, float]) -> None:
    path, seconds = many
    assert seconds < 20
    page = path.read_text(encoding="utf-8")
    assert len(page.encode()) < 5_000_000
    assert "Of 1000 models, words, heat maps and figures are of the 5 best by mean error on imagenet-c" in page
    assert all(f"model_{index}" in page for index in range(1000))


def thousand(results: Results) -> Results:
    """Scores of 1,000 models under 75 conditions, and means of them."""
    names = [f"model_{index}" for index in range(1000)]
    severe = [("imagenet-c", name, severity, "error") for name in STANDARD for severity in range(1, 6)]
    means = [("imagenet-c", name, None, "mean_error") for name in (*STANDARD, "all")]
    keys = [*severe, *means, ("imagenet", "clean", None, "top1")]
    values = np.random.default_rng(0).random(1000 * len(keys))
    table = pd.DataFrame(keys * 1000, columns=["suite", "condition", "severity", "metric"]).assign(
        model=np.repeat(names, len(keys)),
        value=values,
        low=values * 0.99,
        high=values,
        dataset="imagenet",
        n=50_000,
        unit="fraction",
        note="",
    )
    (model, *_) = results.header["identity"]["models"]
    identity = results.header["identity"] | {"models": [model | {"name": name} for name in names]}
    return Results(dict(results.header) | {"identity": identity}, table[COLUMNS].astype({"severity": "Int8"}))


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if (path := shutil.which("chromium") or shutil.which("google-chrome")) is None:
        pytest.skip("no Chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    write(results, folder, ["html"])
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page on a desktop, and at the end the proof that it said nothing to the console and asked for nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened, heard = context.new_page(), []
    opened.on("console", lambda message: heard.append(message.text))
    opened.on("pageerror", lambda error: heard.append(str(error)))
    opened.on("request", lambda request: heard.append(request.url))
    opened.goto(address)
    yield opened
    assert [said for said in heard if said != address and not said.startswith("data:image/png")] == []
    context.close()


def column(page: Any, table: str, place: int) -> list[str]:
    found: list[str] = page.locator(f"{table} tbody tr > :nth-child({place})").all_text_contents()
    return found


def test_images_load_and_plots_are_there(page: Any) -> None:
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert widths == [8] * 4
    labels = page.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].map((svg) => "
        "document.getElementById(svg.getAttribute('aria-labelledby')).textContent.length)"
    )
    assert len(labels) >= 7 and min(labels) > 30
    assert page.locator("td[class*=shade]").count() == 2 * 75


def test_tables_sort_by_mouse_and_keyboard(page: Any) -> None:
    heat = 'section[aria-labelledby="corruptions"] table >> nth=0'
    table = "section[aria-labelledby='corruptions'] div:nth-of-type(2) table"
    head = page.locator(f"{heat} >> thead th >> nth=5")
    head.locator("button").click()
    values = [float(cell) for cell in column(page, table, 6)]
    assert values == sorted(values) and len(values) == 15
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert [float(cell) for cell in column(page, table, 6)] == sorted(values, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert page.locator(f"{heat} >> tfoot th").text_content() == "all"
    page.locator(f"{heat} >> thead th >> nth=0").locator("button").click()
    assert column(page, table, 1) == sorted(column(page, table, 1))
    assert head.get_attribute("aria-sort") is None


def test_columns_of_words_sort_by_words(page: Any) -> None:
    table = page.locator('section[aria-labelledby="comparison"] table').first
    heads = table.locator("thead th").all_text_contents()
    place = heads.index("so the model is")
    head = table.locator("thead th").nth(place)
    assert head.get_attribute("class") is None
    for direction, order in (("ascending", sorted), ("descending", lambda words: sorted(words, reverse=True))):
        head.locator("button").click()
        words = table.locator(f"tbody tr > :nth-child({place + 1})").all_text_contents()
        assert words == order(words) and len(set(words)) > 1
        assert head.get_attribute("aria-sort") == direction


def test_numbers_alone_sort_as_numbers(page: Any) -> None:
    heads = page.evaluate(
        "[...document.querySelectorAll('thead th.number')].map((head) => [head.textContent, "
        "[...head.closest('table').tBodies[0].rows].map((row) => row.cells[head.cellIndex].textContent)])"
    )
    assert heads
    assert [name for name, cells in heads if not all(re.search(r"\d|^–?$", cell) for cell in cells)] == []


def test_long_tables_are_filtered(page: Any) -> None:
    label = page.locator("label.filter").first
    label.locator("input").fill("no row has this")
    assert page.locator("label.filter + .box").first.locator("tbody tr:visible").count() == 0
    label.locator("input").fill("")
    assert page.locator("label.filter + .box").first.locator("tbody tr:visible").count() > 20


@pytest.mark.parametrize("width", [380, 800, 1280])
def test_the_page_does_not_scroll_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), [("light", 380), ("dark", 1280)])
def test_axe_finds_nothing(page: Any, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    violations = axe.Axe().run(page).response["violations"]
    assert [(found["id"], found["nodes"][0]["html"]) for found in violations] == []


def test_dark_paper_has_light_ink_in_plots_too(page: Any) -> None:
    colour = "(name) => getComputedStyle(document.querySelector(name))"
    bright = page.evaluate(f"({colour})('svg text').fill")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(f"({colour})('svg text').fill")
    assert bright == "rgb(27, 31, 36)" and dark == "rgb(230, 232, 234)"
    assert page.evaluate(f"({colour})('svg rect').fill") == page.evaluate(f"({colour})('body').backgroundColor")


def test_print_shows_whole_tables_on_white(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    cut = "[...document.querySelectorAll('.box')].filter((box) => box.scrollHeight > box.clientHeight + 1).length"
    assert page.evaluate(cut) == 0


def test_everything_is_readable_without_script(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("thead button").count() == 0
    assert opened.get_by_role("heading", name="Verdict").is_visible()
    assert opened.locator("svg").first.is_visible()
    context.close()


def test_a_thousand_rows_sort_at_once(browser: Any, many: tuple[Path, float]) -> None:
    opened = browser.new_page()
    opened.goto(many[0].as_uri())
    head = opened.locator('section[aria-labelledby="summary"] thead th >> nth=1')
    timed = "(button) => { const begun = performance.now(); button.click(); return performance.now() - begun; }"
    took = head.locator("button").evaluate(timed)
    assert took < 1000
    values = [float(cell.split()[0]) for cell in column(opened, 'section[aria-labelledby="summary"] table', 2)]
    assert values == sorted(values) and len(values) == 1000
    opened.close()

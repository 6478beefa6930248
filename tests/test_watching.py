"""Refreshing the report of a run that goes on: when it is due, what it may cost, and that it never ends a run."""

import json
from pathlib import Path
from typing import Any

import pytest
import small_runs
from clock import Clock

import evaluate_robustness
from robustness import store, watching
from robustness.errors import RunError
from robustness.options import Options
from robustness.progress import progress
from robustness.watching import INTERVAL, SHARE, Watched


def watched(clock: Clock, cost: float, records: int = 0) -> tuple[Watched, list[float]]:
    """Watch a run whose refreshes take `cost` seconds a record; returns what notes when they were."""
    times: list[float] = []
    made = [records]

    def refresh() -> None:
        times.append(clock.now)
        clock.now += cost * made[0]

    return Watched(refresh, lambda count: made.append(made.pop() + count), records, clock=clock), times


def test_a_cheap_refresh_comes_at_intervals_and_not_before() -> None:
    clock = Clock()
    advance, times = watched(clock, 0.0)
    for _ in range(100):
        clock.now += INTERVAL / 10
        advance(1)
    assert len(times) == 10
    assert times[0] == pytest.approx(100 + INTERVAL)


def test_who_has_made_nothing_has_no_speed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("robustness.progress.SECONDS_BETWEEN_LINES", 0.0)
    with progress(10, 2) as advance:
        advance(0)
        assert capsys.readouterr().err == ""
        advance(4)
    assert capsys.readouterr().err.startswith("6 of 10 records, ")


@pytest.mark.parametrize("speed", [10, 1000, 20_000])
@pytest.mark.parametrize("cost", [1e-6, 1e-5, 1e-4])
def test_refreshes_take_their_share_and_no_more(speed: int, cost: float) -> None:
    clock = Clock()
    advance, times = watched(clock, cost)
    spent = working = 0.0
    for _ in range(5000):
        clock.now += 10
        working += 10
        advance(10 * speed)
    spent = clock.now - 100 - working
    assert spent <= 1.1 * SHARE * working + (cost > 1e-5) * cost * 10 * speed * INTERVAL
    assert times or cost * speed >= SHARE / 2


def test_many_records_of_an_earlier_call_make_the_first_refresh_wait() -> None:
    clock = Clock()
    advance, times = watched(clock, 1e-5, records=10_000_000)
    clock.now += 2 * INTERVAL
    advance(1)
    assert not times
    clock.now += 10_000
    advance(1)
    assert times


@pytest.mark.parametrize("error", [RunError("a part is damaged"), OSError("disk full")])
def test_a_refresh_that_fails_is_logged_and_the_run_goes_on(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    clock, told = Clock(), []

    def refresh() -> None:
        raise error

    advance = Watched(refresh, told.append, 0, clock=clock)
    clock.now += 2 * INTERVAL
    advance(3)
    assert told == [3]
    assert str(error) in caplog.text


def test_a_run_that_goes_on_has_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = evaluate_robustness.refresh

    def refresh(run: store.Store, options: Options) -> None:
        real(run, options)
        seen.append((run.folder / "report.md").read_text())

    monkeypatch.setattr(watching, "INTERVAL", 0.0)
    monkeypatch.setattr(watching, "SHARE", 1e9)
    monkeypatch.setattr(evaluate_robustness, "refresh", refresh)
    words = ["--model", "efficientnet_lite0", "--sample", "--limit", "2", "--attack", "fgsm", "--eps", "1/255"]
    assert evaluate_robustness.main([*words, "--out", str(tmp_path), "--name", "run"]) == 0
    assert len(seen) == 2
    assert all("of 4 records are done" in report for report in seen)
    assert "The run is not complete" not in (tmp_path / "run" / "report.md").read_text()
    seen.clear()
    words += ["--formats", "csv", "--out", str(tmp_path), "--name", "without"]
    assert evaluate_robustness.main(words) == 0
    assert not seen and not (tmp_path / "without" / "report.md").exists()


def test_folding_an_unfinished_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_runs.run(tmp_path / "run", {"a": 30})
    (folder / "records" / "part.000001.parquet").unlink()
    header: dict[str, Any] = json.loads((folder / "run.json").read_text()) | {"end": None}
    (folder / "run.json").write_text(json.dumps(header))
    assert evaluate_robustness.main(["--fold", str(folder), "--formats", "markdown"]) == 0
    assert "so far" in capsys.readouterr().out
    assert "240 of 480 records are done" in (folder / "report.md").read_text()

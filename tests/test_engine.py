"""The loop: what is recorded depends on model, data, condition and seed alone."""

import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import Linear
from torch import Tensor

from robustness import engine
from robustness.attacks import ATTACKS, Goal, Perturbed
from robustness.condition import CLEAN, Condition, corruption
from robustness.corruptions import corrupt
from robustness.errors import RunError
from robustness.evaluation import Settings, Subject
from robustness.plan import Group
from robustness.records import SCHEMA
from robustness.store import Store, read_header

CONDITIONS = (
    corruption("gaussian_noise", 1),
    corruption("gaussian_noise", 5),
    corruption("shot_noise", 3),
    corruption("contrast", 2),
)
PGD = Condition("attack", "pgd", (("norm", "linf"), ("eps", "1/255"), ("steps", 3)))
GROUPS = (
    Group("imagenet", "d", "model", (CLEAN,)),
    Group("imagenet-c", "d", "resize-256", CONDITIONS, jpeg_quality=85),
    Group("adversarial", "d", "model", (PGD,)),
)
SIZE = 32
CHUNK = 6
TASK = engine.Task("data", "", 10, GROUPS)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "CHUNK_SIZE", CHUNK)
        yield


@dataclass
class Failure:
    sample_id: str
    reason: str


@dataclass
class Batch:
    index: int
    views: tuple[Tensor, ...]
    labels: Tensor
    sample_ids: tuple[str, ...]
    textures: Tensor | None = None
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0


def batches(count: int = 10, chunk: int = CHUNK) -> list[Batch]:
    images = torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    labels = Linear(size=SIZE)(images / 255).argmax(1)
    labels[0] = (labels[0] + 1) % 10
    return [
        Batch(
            i,
            (images[r], images[r].flip(-1)),
            labels[r],
            tuple(f"n/{k}.JPEG" for k in range(r.start, min(r.stop, count))),
        )
        for i, r in enumerate(slice(start, start + chunk) for start in range(0, count, chunk))
    ]


def subjects() -> list[Subject]:
    return [Subject(f"m{seed}", Linear(size=SIZE, seed=seed), {"resize-256": 1, "model": 0}) for seed in (0, 1)]


def record(folder: Path, batch_size: int = 4, stop_after: int | None = None) -> pd.DataFrame:
    store = Store(folder, {"identity": {}, "start": "", "end": None})
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if stop_after is not None and done > stop_after:
            raise KeyboardInterrupt

    run = engine.Run(store, Settings(0, torch.device("cpu"), batch_size), advance)
    all_batches = batches()
    engine.evaluate((all_batches[i] for i in TASK.chunks(run)), TASK, subjects(), run)
    return store.records().to_pandas()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return record(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_is_done_with_is_let_go_at_once(tmp_path: Path, lanes: int) -> None:
    views: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def watched() -> Iterator[Batch]:
        for batch in batches(15, chunk=5):
            alive.append(sum(view() is not None for view in views))
            batch = replace(batch, views=tuple(view.clone() for view in batch.views))
            views.append(weakref.ref(batch.views[0]))
            yield batch
            del batch

    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    gc.disable()  # what hangs together in a circle would stay until it comes round
    try:
        run = engine.Run(store, Settings(0, torch.device("cpu"), 4, lanes=lanes), lambda _count: None)
        engine.evaluate(watched(), TASK, subjects(), run)
    finally:
        gc.enable()
    assert alive == [0, 1, 1]


def test_a_row_per_model_condition_and_sample(undisturbed: pd.DataFrame) -> None:
    assert list(undisturbed.columns) == SCHEMA.names
    assert len(undisturbed) == 2 * 6 * 10
    keys = ["model", "suite", "condition", "severity", "sample_id"]
    assert not undisturbed.duplicated(keys).any()
    assert set(undisturbed["condition"]) == {"clean", "gaussian_noise", "shot_noise", "contrast", PGD.key}
    assert undisturbed["severity"].notna().eq(undisturbed["suite"] == "imagenet-c").all()


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_the_batch_size_changes_nothing(tmp_path: Path, undisturbed: pd.DataFrame, batch_size: int) -> None:
    pd.testing.assert_frame_equal(record(tmp_path, batch_size), undisturbed, rtol=1e-5)


@pytest.mark.parametrize("stop_after", [0, 15, 40, 90, 119])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    tmp_path: Path, undisturbed: pd.DataFrame, stop_after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        record(tmp_path, stop_after=stop_after)
    pd.testing.assert_frame_equal(record(tmp_path), undisturbed)


def test_a_finished_run_has_nothing_missing(tmp_path: Path) -> None:
    record(tmp_path)
    assert not TASK.missing(Store(tmp_path, {"identity": {}, "start": "", "end": None}))


def test_clean_and_attacked_rows_agree(undisturbed: pd.DataFrame) -> None:
    rows = undisturbed.set_index(["model", "sample_id"]).sort_index()
    clean, attacked = rows[rows["condition"] == "clean"], rows[rows["condition"] == PGD.key]
    assert (attacked["clean_correct"] == clean["correct"]).all()
    wrong = attacked[~clean["correct"]]
    assert len(wrong) > 0
    assert wrong["success"].isna().all()
    assert (wrong[["linf", "l2", "queries"]] == 0).all().all()
    assert (wrong["pred"] == clean.loc[wrong.index, "pred"]).all()
    tried = attacked[clean["correct"]]
    assert (tried["success"] == (tried["pred"] != tried["label"])).all()
    assert tried["success"].any()
    assert tried["linf"].between(0, 1 / 255 + 1e-6).all()
    assert (tried["queries"] >= 1).all()


def test_models_share_a_corruption_and_see_the_protocols_view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Tensor] = []

    def spy(images: Tensor, name: str, severity: int, generators: list[torch.Generator]) -> Tensor:
        seen.append(images)
        return corrupt(images, name, severity, generators)

    monkeypatch.setattr("robustness.evaluation.corrupt", spy)
    record(tmp_path, batch_size=6)
    assert len(seen) == 2 * len(CONDITIONS)
    assert torch.equal(seen[0], batches()[0].views[1])


def test_unreadable_samples_are_written_down(tmp_path: Path) -> None:
    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    empty = torch.empty(0, 3, SIZE, SIZE, dtype=torch.uint8)
    batch = Batch(0, (empty, empty), torch.empty(0, dtype=torch.int64), (), None, (Failure("n/1.JPEG", "truncated"),))
    task = engine.Task("data", "", 1, GROUPS)
    run = engine.Run(store, Settings(0, torch.device("cpu"), 4), lambda _count: None)
    engine.evaluate([batch], task, subjects(), run)
    assert store.failures().to_pylist() == [{"dataset": "data", "sample_id": "n/1.JPEG", "reason": "truncated"}]
    assert store.records().num_rows == 0
    assert not task.missing(store)


def test_what_could_not_be_read_when_nothing_was_done_has_not_failed(tmp_path: Path) -> None:
    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    whole = batches()[0]

    def stop(_count: int) -> None:
        raise KeyboardInterrupt

    unreadable = replace(whole, failures=(Failure("n/9.JPEG", "a server is away"),))
    with pytest.raises(KeyboardInterrupt):
        engine.evaluate([unreadable], TASK, subjects(), engine.Run(store, Settings(0, torch.device("cpu"), 4), stop))
    assert store.failures().num_rows == 0
    run = engine.Run(store, Settings(0, torch.device("cpu"), 4), lambda _count: None)
    engine.evaluate([whole], TASK, subjects(), run)
    assert store.failures().num_rows == 0


def test_samples_that_become_unreadable_before_the_rest_is_done_are_written_down_too(tmp_path: Path) -> None:
    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    run = engine.Run(store, Settings(0, torch.device("cpu"), 4), lambda _count: None)
    whole = batches()[0]
    for groups, first in ((GROUPS[:1], 1), (GROUPS[1:2], 2), (GROUPS[2:], 0)):  # stopped and gone on with twice
        batch = replace(
            whole,
            views=tuple(view[first:] for view in whole.views),
            labels=whole.labels[first:],
            sample_ids=whole.sample_ids[first:],
            failures=tuple(Failure(name, "truncated") for name in whole.sample_ids[:first]),
        )
        engine.evaluate([batch], replace(TASK, groups=groups), subjects(), run)
    rows = store.records().to_pandas()
    lacking = rows.groupby(["model", "condition", "severity"], dropna=False)["sample_id"].agg(
        lambda own: {*whole.sample_ids} - {*own}
    )
    assert {*store.failures()["sample_id"].to_pylist()} == set().union(*lacking) == {"n/0.JPEG", "n/1.JPEG"}
    assert store.failures().num_rows == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda images: images + 0.5, r"left the pixel range|beyond eps"),
        (lambda images: (images + 0.02).clamp(0, 1), r"went 0\.02.* far in linf, beyond eps"),
        (lambda images: images * float("nan"), "not finite"),
    ],
)
def test_an_attack_that_breaks_its_contract_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, sentence: str
) -> None:
    def cheat(_victim: object, images: Tensor, goal: Goal, _generators: object, **_params: object) -> Perturbed:
        once = torch.ones_like(goal.labels)
        return Perturbed(change(images), once, once)  # type: ignore[operator]

    monkeypatch.setitem(ATTACKS._entries, "pgd", cheat)
    with pytest.raises(RunError, match=rf"adversarial, pgd\(.*n/0\.JPEG.*({sentence})"):
        record(tmp_path)


class Spoilt(Linear):
    """Gives no finite logits for pictures whose first pixel is one of those given."""

    def __init__(self, size: int, first: Tensor) -> None:
        super().__init__(size=size)
        self.first = first

    def __call__(self, images: Tensor) -> Tensor:
        logits = super().__call__(images)
        broken = torch.isin(images[:, 0, 0, 0].mul(255).round(), self.first)
        return logits.masked_fill(broken[:, None], float("nan"))


def evaluated(folder: Path, keep_going: bool) -> Store:
    store = Store(folder, {"identity": {}, "start": "", "end": None})
    run = engine.Run(store, Settings(0, torch.device("cpu"), 4, keep_going=keep_going), lambda _count: None)
    first = batches()[0].views[0][3:4, 0, 0, 0].float()
    engine.evaluate(batches(), TASK, [Subject("m", Spoilt(SIZE, first), {"resize-256": 1, "model": 0})], run)
    return store


def test_logits_that_are_not_finite_name_condition_and_sample(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"imagenet, clean, .*logits of m for n/3\.JPEG are not finite.*--keep-going"):
        evaluated(tmp_path, keep_going=False)


def test_they_count_as_wrong_and_as_failures_where_that_is_wanted(tmp_path: Path) -> None:
    store = evaluated(tmp_path, keep_going=True)
    records = store.records().to_pandas()
    clean = records[records["condition"] == "clean"].set_index("sample_id").loc["n/3.JPEG"]
    assert not clean["correct"]
    assert (clean["pred"], pd.isna(clean["confidence"])) == (-1, True)
    attacked = records[records["condition"] == PGD.key].set_index("sample_id").loc["n/3.JPEG"]
    assert not attacked["clean_correct"]
    assert pd.isna(attacked["success"])
    assert len(records) == 6 * 10
    failures = store.failures().to_pylist()
    assert {"n/3.JPEG"} <= {failure["sample_id"] for failure in failures}
    assert any("logits of m not finite in imagenet, clean" in failure["reason"] for failure in failures)


@pytest.mark.parametrize("groups", [GROUPS, GROUPS[1:2]], ids=["all", "corruptions"])
@pytest.mark.parametrize(("lanes", "fitting"), [(1, 2), (2, 4)])
def test_a_batch_that_does_not_fit_is_halved_and_that_is_recorded(
    tmp_path: Path, undisturbed: pd.DataFrame, lanes: int, fitting: int, groups: tuple[Group, ...]
) -> None:
    class Small(Linear):
        def __call__(self, images: Tensor) -> Tensor:
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
            return super().__call__(images)

    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    run = engine.Run(store, Settings(0, torch.device("cpu"), 16, lanes=lanes), lambda _count: None)
    crew = [Subject(f"m{seed}", Small(size=SIZE, seed=seed), {"resize-256": 1, "model": 0}) for seed in (0, 1)]
    engine.evaluate(batches(), replace(TASK, groups=groups), crew, run)
    expected = undisturbed[undisturbed["suite"].isin([group.suite for group in groups])].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.records().to_pandas(), expected, rtol=1e-5, check_dtype=False)
    assert run.settings.batch_size == fitting
    assert read_header(tmp_path)["environment"] == {"batch_size_after_out_of_memory": fitting}


def test_lanes_work_on_the_next_block_before_the_last_is_kept(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=20)

    class Waiting(Linear):
        def __call__(self, images: Tensor) -> Tensor:
            together.wait()
            return super().__call__(images)

    group = replace(GROUPS[1], conditions=(corruption("gaussian_noise", 1), corruption("contrast", 2)))
    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    run = engine.Run(store, Settings(0, torch.device("cpu"), 16, lanes=2), lambda _count: None)
    subject = Subject("m", Waiting(size=SIZE), {"resize-256": 1, "model": 0})
    assert engine.evaluate(batches()[:1], replace(TASK, groups=(group,)), [subject], run) == 2
    assert store.records().num_rows == 2 * CHUNK


def test_memory_for_not_even_one_image_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Linear, _images: Tensor) -> Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: 9 bytes")

    prepared = batches()
    monkeypatch.setattr("test_engine.batches", lambda: prepared)
    monkeypatch.setattr(Linear, "__call__", full)
    with pytest.raises(RunError, match=r"imagenet, clean.*out of memory with a single image"):
        record(tmp_path)


def test_a_disk_that_fills_up_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path, {"identity": {}, "start": "", "end": None})
    monkeypatch.setattr("robustness.store.os.fsync", full)
    run = engine.Run(store, Settings(0, torch.device("cpu"), 4), lambda _count: None)
    with pytest.raises(RunError, match="No space left on device; what was finished is kept"):
        engine.evaluate(batches(), TASK, subjects(), run)
    assert store.records().num_rows == 0

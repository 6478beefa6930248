import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from robustness import parts
from robustness.condition import CLEAN
from robustness.errors import RunError, UsageError
from robustness.evaluation import Selection
from robustness.records import SCHEMA, rows
from robustness.scoring import IMAGENET
from robustness.store import FAILURE_SCHEMA, Store, read_header

HEADER = {"identity": {"seed": 0, "models": [{"name": "m"}]}, "start": "2026-01-01", "end": None, "notes": ["a sample"]}


def some_rows(count: int = 3) -> pa.Table:
    labels = torch.arange(count)
    verdict = IMAGENET.judge(torch.eye(count, 1000), labels)
    samples = Selection((), labels, [f"s{i}" for i in range(count)], None)
    return rows("m", "imagenet", "imagenet", CLEAN, samples, verdict)


def test_what_is_appended_is_read_back_and_known(tmp_path: Path) -> None:
    store = Store(tmp_path / "run", HEADER)
    assert store.records().equals(SCHEMA.empty_table())
    store.append("imagenet.clean.000000", some_rows())
    again = Store(tmp_path / "run", HEADER)
    assert again.has("imagenet.clean.000000")
    assert not again.has("imagenet.clean.000001")
    assert again.records().equals(some_rows())


def test_failures_are_kept_apart(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    store.fail("imagenet.000000", FAILURE_SCHEMA.empty_table())
    assert not list(tmp_path.glob("failures/*"))
    failure = pa.Table.from_pylist([{"dataset": "d", "sample_id": "s", "reason": "r"}], schema=FAILURE_SCHEMA)
    store.fail("imagenet.000000", failure)
    store.fail("imagenet.000000", failure)  # the same batch again, after a resume
    assert Store(tmp_path, HEADER).failures().equals(failure)
    assert store.records().num_rows == 0


def failures(*names: str) -> pa.Table:
    rows = [{"dataset": "d", "sample_id": name, "reason": "r"} for name in names]
    return pa.Table.from_pylist(rows, schema=FAILURE_SCHEMA)


@pytest.mark.parametrize("shared", [False, True])
def test_what_failed_for_whoever_read_a_part_is_kept_once(tmp_path: Path, shared: bool) -> None:
    first = Store(tmp_path, HEADER, shared=shared)
    other = Store(tmp_path, HEADER, leads=not shared, shared=shared)  # another process, or a later one
    for store, part, names in (
        (first, "a", "xy"),
        (other, "b", "yz"),
        (first, "a", "y"),
        (other, "c", "w"),
        (first, "c", ""),
    ):
        store.fail(part, failures(*names))
    assert sorted(row["sample_id"] for row in first.failures().to_pylist()) == ["y", "z"]
    first.finish("2026-01-02")
    assert read_header(tmp_path)["failures"] == 2


def test_records_are_done_again_where_what_failed_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    for part in ("a", "b"):
        store.fail(part, failures("s"))
        store.append(part, some_rows())
    (tmp_path / "failures" / "a.parquet").write_bytes(b"damaged")
    assert [path.parent.name for path in store.repair()] == ["records", "failures"]
    assert (store.has("a"), store.has("b"), store.failures().num_rows) == (False, True, 1)


def test_half_a_part_is_no_part(tmp_path: Path) -> None:
    Store(tmp_path, HEADER).append("a.b.000000", some_rows())
    whole = tmp_path / "records" / "a.b.000000.parquet"
    whole.rename(whole.with_name(whole.name + ".tmp"))
    again = Store(tmp_path, HEADER)
    assert not again.has("a.b.000000")
    assert not list((tmp_path / "records").iterdir())


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    store.append("a.b.000000", some_rows())
    path = tmp_path / "records" / "a.b.000000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RunError, match=r"a\.b\.000000\.parquet is damaged.*--repair"):
        store.records()


def test_any_byte_that_changes_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    store.append("p", some_rows(40))
    path = tmp_path / "records" / "p.parquet"
    whole, noticed = path.read_bytes(), 0
    for position in random.Random(0).sample(range(len(whole)), 400):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            found = store.records()
        except RunError as error:
            noticed += 1
            assert "\n" not in str(error)
        else:
            assert found.equals(some_rows(40)), position
    assert noticed > 200


def test_repair_puts_damaged_parts_aside(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    for part in ("a", "b"):
        store.append(part, some_rows())
    path = tmp_path / "records" / "a.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert store.count() == 3
    assert store.repair() == [path.with_name(".a.parquet.damaged")]
    assert (store.has("a"), store.has("b")) == (False, True)
    assert store.repair() == []


def test_a_run_that_is_repaired_is_not_finished(tmp_path: Path) -> None:
    store = Store(tmp_path, HEADER)
    store.append("a", some_rows())
    store.finish("2026-01-02")
    store.repair()
    assert read_header(tmp_path)["end"] == "2026-01-02"
    (tmp_path / "records" / "a.parquet").write_bytes(b"damaged")
    store.repair()
    for header in (store.header, read_header(tmp_path)):
        assert header["end"] is None and "records_done" not in header


def test_two_processes_repair_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Store(tmp_path, HEADER, shared=True)
    for part in ("a", "b"):
        first.append(part, some_rows())
    other = Store(tmp_path, HEADER, leads=False, shared=True)
    for part in ("a", "b"):
        (tmp_path / "records" / f"{part}.parquet").write_bytes(b"damaged")
    whole = parts.read

    def late(path: Path, schema: pa.Schema) -> pa.Table:
        monkeypatch.setattr("robustness.parts.read", whole)
        assert len(other.repair()) == 2
        return whole(path, schema)

    monkeypatch.setattr("robustness.parts.read", late)
    assert first.repair() == []
    assert not first.has("a") and not first.has("b")


def test_two_processes_begin_one_run_with_one_header(tmp_path: Path) -> None:
    first = Store(tmp_path, HEADER, shared=True)
    second = Store(tmp_path, {**HEADER, "start": "2027-01-01"}, leads=False, shared=True)
    assert second.header["start"] == read_header(tmp_path)["start"] == "2026-01-01"
    second.append("p", some_rows())
    assert first.has("p")
    assert not first.has("q")
    assert {path.name for path in tmp_path.iterdir()} == {"records", "run.json"}


def test_of_what_another_run_has_the_difference_is_told(tmp_path: Path) -> None:
    models = [{"spec": "a", "file": "x", "preprocessing": {"crop": 224}}, {"spec": "b"}]
    earlier = {"conditions": {"c": ["clean"], "d": ["clean"]}, "models": models}
    grown = [{"spec": "a", "file": "x", "preprocessing": {"crop": 299}}, {"spec": "e"}]
    Store(tmp_path, {**HEADER, "identity": earlier})
    with pytest.raises(UsageError) as error:
        Store(tmp_path, {**HEADER, "identity": {"conditions": {"c": ["clean", "fgsm"]}, "models": grown}})
    for told in (
        "(conditions, c: fgsm now; conditions, d: ['clean'] then, None now;",
        "models: b then, e now; models, a, preprocessing, crop: 224 then, 299 now)",
    ):
        assert told in str(error.value)


def test_another_identity_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    Store(tmp_path, HEADER)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(UsageError, match=r"other settings: seed \(seed: 0 then, 1 now\)"):
        Store(tmp_path, {**HEADER, "identity": {"seed": 1, "models": [{"name": "m"}]}})
    assert (tmp_path / "run.json").read_bytes() == before


def test_the_environment_may_differ_and_the_beginning_is_kept(tmp_path: Path) -> None:
    Store(tmp_path, HEADER)
    again = Store(tmp_path, {**HEADER, "start": "2027-01-01", "environment": {"device": "other"}})
    assert again.header["start"] == "2026-01-01"
    third = Store(tmp_path, {**HEADER, "environment": {"device": "third"}})
    assert third.header["earlier_environments"] == [{"device": "other"}]
    again.append("p", some_rows())
    again.finish("2027-01-02")
    found = read_header(tmp_path)
    assert (found["end"], found["records_done"], found["failures"]) == ("2027-01-02", 3, 0)


def test_notes_travel_in_every_part(tmp_path: Path) -> None:
    Store(tmp_path, HEADER).append("p", some_rows())
    assert pa.parquet.read_schema(tmp_path / "records" / "p.parquet").metadata[b"notes"] == b"a sample"


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 99}', "{}"])
def test_a_header_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=r"run\.json"):
        Store(tmp_path, HEADER)
    assert (tmp_path / "run.json").read_text() == content


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write to .*file"):
        Store(tmp_path / "file" / "run", HEADER)


def test_a_full_disk_is_named_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, HEADER)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left on device; what was finished is kept"):
        store.append("p", some_rows())
    assert not store.has("p")
    monkeypatch.undo()
    assert Store(tmp_path, HEADER).records().num_rows == 0


def test_the_header_is_json_that_people_can_read(tmp_path: Path) -> None:
    Store(tmp_path, {**HEADER, "name": "Müller"})
    text = (tmp_path / "run.json").read_text()
    assert json.loads(text)["name"] == "Müller"
    assert "Müller" in text

"""Data sets of the hub, served from this machine by `hub_server`: what is fetched, kept, checked and refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, serving
from huggingface_hub import constants
from test_hub import direct, point_to  # noqa: F401 (its fixture)

from benchmarks.containers import Row, write_parquet, write_shard
from datasets import DataError, open_dataset
from datasets.tables.hub_rows import is_hub, open_hub
from datasets.tables.rows import Rows

REPOSITORY = "org/pictures"
ROWS: list[Row] = [(f"{number}.jpg", bytes([number]) * 900, number % 3) for number in range(20)]
VALIDATION = [f"data/validation-{number:05d}-of-00002.parquet" for number in range(2)]
TRAIN = "data/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("files")
    parts = {VALIDATION[0]: ROWS[:9], VALIDATION[1]: ROWS[9:], TRAIN: [("t.jpg", b"t", 0)]}
    made = {
        name: write_parquet(folder / name, rows, ["cat", "dog", "emu"]).read_bytes() for name, rows in parts.items()
    }
    return made | {"README.md": b"words"}


@pytest.fixture
def server(direct: None, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:  # noqa: F811
    with serving(Hub(REPOSITORY, dict(files), kind="datasets")) as running:
        point_to(running.url, tmp_path / "cache", monkeypatch)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)  # between retries
        yield running


def contents(rows: Rows) -> list[Row]:
    return [(row.sample_id, rows.read(row.sample_id), row.label) for row in rows.rows]


def test_only_the_validation_images_are_fetched_and_only_once(server: Hub) -> None:
    rows = open_hub(f"hf://{REPOSITORY}")
    assert contents(rows) == ROWS
    assert (rows.class_names, rows.layout) == (("cat", "dog", "emu"), "parquet (validation)")
    assert server.downloads == 2 and not any(TRAIN in request or "README" in request for request in server.requests)
    assert contents(open_hub(f"hf:/{REPOSITORY}")) == ROWS  # as a Path has it
    assert server.downloads == 2


def test_shards_are_fetched_where_there_is_no_parquet(server: Hub, tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", ROWS).read_bytes()
    server.files = {"set-validation-0.tar": shard, "set-train-0.tar": b"?", "README.md": b""}
    assert sorted(contents(open_hub(f"hf://datasets/{REPOSITORY}"))) == sorted(ROWS)
    assert server.downloads == 1


def test_a_revision_is_kept_apart(server: Hub) -> None:
    assert contents(open_hub(f"hf://{REPOSITORY}@{server.commit}")) == ROWS
    with pytest.raises(DataError, match=f"^hf://{REPOSITORY}@next: there is no such revision$"):
        open_hub(f"hf://{REPOSITORY}@next")


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("how", ["forbidden", "stopped"])
def test_without_the_hub_the_cache_serves(
    files: dict[str, bytes],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as running:
        server = running.enter_context(serving(Hub(REPOSITORY, dict(files), kind="datasets")))
        point_to(server.url, tmp_path, monkeypatch)
        open_hub(f"hf://{REPOSITORY}")
        server.requests.clear()
        if how == "stopped":
            running.close()
        else:
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert contents(open_hub(f"hf://{REPOSITORY}")) == ROWS
        reason = {"forbidden": "HF_HUB_OFFLINE forbids to ask", "stopped": "there is no connection to"}[how]
        with pytest.raises(DataError, match=rf"^hf://a/b: it is not in the cache .*, and {reason} {server.url}$"):
            open_hub("hf://a/b")
        assert not server.requests


@pytest.mark.parametrize(
    ("refusal", "clause"),
    [
        ((401, "GatedRepo"), "it is gated: accept its terms .*HF_TOKEN"),
        ((403, "GatedRepo"), "it is gated"),
        ((404, "RepoNotFound"), "has no such data set, or a private one: .*HF_TOKEN"),
        ((401, "RepoNotFound"), "has no such data set"),
        ((403, ""), "answers 403: .*HF_TOKEN"),
        ((503, ""), "answers 503$"),
        ((200, ""), "could not be fetched from"),  # something else than a hub
    ],
)
def test_a_refusal_is_one_clause(server: Hub, refusal: tuple[int, str], clause: str) -> None:
    server.refusal = refusal
    with pytest.raises(DataError, match=f"^hf://{REPOSITORY}: .*{clause}") as error:
        open_hub(f"hf://{REPOSITORY}")
    assert "\n" not in str(error.value) and len(server.requests) <= 10


def test_what_the_hub_has_must_be_a_table(server: Hub) -> None:
    server.files = {"README.md": b"", "images.zip": b""}
    with pytest.raises(
        DataError, match=r"neither parquet files nor .*README\.md, images\.zip; .*@refs/convert/parquet"
    ):
        open_hub(f"hf://{REPOSITORY}")
    server.files = {"a/b/c/validation.parquet": b"", "a/b/0.tar": b"", ".a/0.tar": b""}  # nobody would look there
    with pytest.raises(DataError, match=r"\(looked for two folders deep, and one\) but .*a/b/c/validation\.parquet"):
        open_hub(f"hf://{REPOSITORY}")
    server.files = {TRAIN: b""}
    with pytest.raises(DataError, match="has training data only"):
        open_hub(f"hf://{REPOSITORY}")
    assert not server.downloads


def test_a_lone_split_called_train_is_fetched_of_data_sets_without_training_images(server: Hub) -> None:
    server.files = {TRAIN: server.files[TRAIN], "README.md": b""}
    with pytest.raises(DataError, match="has training data only"):
        open_dataset("imagenet", f"hf://{REPOSITORY}")
    rows = open_hub(f"hf://{REPOSITORY}", no_training=True)
    assert (rows.layout, contents(rows)) == ("parquet (train)", [("t.jpg", b"t", 0)])
    with pytest.raises(DataError, match="not clear which of the 200 are meant by cat"):  # fetched, and then looked at
        open_dataset("imagenet-a", f"hf://{REPOSITORY}")


def test_damaged_content_is_refused_until_it_is_deleted(server: Hub) -> None:
    server.lying = True
    server.files = {"validation.parquet": server.files[VALIDATION[0]]}
    for _ in range(2):
        with pytest.raises(DataError, match=r" is damaged \(SHA-256 .*; delete it to fetch it again$") as error:
            open_hub(f"hf://{REPOSITORY}")
    assert server.downloads == 1
    server.lying = False
    Path(str(error.value).partition(" is damaged")[0]).unlink()
    assert contents(open_hub(f"hf://{REPOSITORY}")) == ROWS[:9]


def test_a_download_that_breaks_off_is_told_and_goes_on(server: Hub) -> None:
    server.cut_to_nothing = True
    with pytest.raises(DataError, match=f"^hf://{REPOSITORY}: it could not be fetched from"):
        open_hub(f"hf://{REPOSITORY}")
    server.cut_to_nothing = False
    assert contents(open_hub(f"hf://{REPOSITORY}")) == ROWS


@pytest.mark.parametrize("text", ["hf://", "hf://org/", "hf://a/b/c", "hf://org/name@", "hf:///etc/passwd", "hf://a b"])
def test_names_that_cannot_be_are_refused(text: str) -> None:
    assert is_hub(text)
    with pytest.raises(DataError, match="names no data set of the hub; write hf://org/name"):
        open_hub(text)


def test_paths_are_no_names_of_the_hub() -> None:
    assert is_hub(str(Path("hf://org/name"))) and not any(map(is_hub, ("hf", "/hf:/x", "./hf://x", "data/imagenet")))

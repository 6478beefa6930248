"""The hub, served from this machine by `hub_server`: nothing here needs a network, or is changed by a proxy."""

import contextlib
import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from hub_server import Hub, serving
from huggingface_hub import constants, file_download

from robustness import hub, models
from robustness.checkpoints import weights_hash

ROOT = Path(__file__).parents[1]
REPOSITORY, NAMES = "timm/test_resnet.r160_in1k", ("model.safetensors", "pytorch_model.bin")
CONTENT = bytes(torch.randint(0, 256, (100_000,), generator=torch.Generator().manual_seed(0)).tolist())
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy, no token; huggingface_hub (1.0 and later) keeps a client that has read the environment."""
    forget: Callable[[], None] = getattr(huggingface_hub, "close_session", lambda: None)
    for name in (*PROXIES, *map(str.upper, PROXIES), "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()


def point_to(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    for holder in (constants, file_download):  # before 1.0 the second has a copy
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(holder, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)


@pytest.fixture
def server(direct: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(Hub(REPOSITORY, {NAMES[0]: CONTENT, "sub/config.json": b"{}"})) as running:
        point_to(running.url, tmp_path / "cache", monkeypatch)
        yield running


def fetched() -> bytes:
    return hub.fetch(REPOSITORY, NAMES).path.read_bytes()


def test_a_file_is_downloaded_once(server: Hub, tmp_path: Path) -> None:
    file = hub.fetch(REPOSITORY, NAMES)
    assert (file.repository, file.revision, file.name) == (REPOSITORY, server.commit, NAMES[0])
    assert file.path.read_bytes() == CONTENT
    assert file.path.is_relative_to(tmp_path / "cache")
    assert hub.fetch(REPOSITORY, NAMES) == file
    assert server.downloads == 1
    asked = len(server.requests)
    assert hub.fetch(REPOSITORY, NAMES, server.commit) == file  # a commit never changes
    assert len(server.requests) == asked
    server.files, server.commit = {NAMES[0]: CONTENT[::-1]}, "d" * 40
    newer = hub.fetch(REPOSITORY, NAMES)
    assert (newer.revision, newer.path.read_bytes()) == ("d" * 40, CONTENT[::-1])


def test_the_first_name_that_is_there_counts(server: Hub) -> None:
    assert hub.fetch(REPOSITORY, NAMES[::-1]).name == NAMES[0]
    server.files |= {NAMES[1]: CONTENT[::-1]}
    assert hub.fetch(REPOSITORY, NAMES).name == NAMES[0]
    assert hub.fetch(REPOSITORY, NAMES[::-1]).name == NAMES[1]


def test_a_small_file_in_a_folder(server: Hub) -> None:
    inner = hub.fetch(REPOSITORY, ["sub/config.json"])
    assert (inner.revision, inner.name, inner.path.read_bytes()) == (server.commit, "sub/config.json", b"{}")


@pytest.mark.parametrize("how", ["forbidden", "stopped"])
def test_without_the_hub_the_cache_serves_and_nothing_is_asked(
    direct: None, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as running:
        server = running.enter_context(serving(Hub(REPOSITORY, {NAMES[1]: CONTENT})))
        point_to(server.url, tmp_path, monkeypatch)
        online = hub.fetch(REPOSITORY, NAMES)
        server.requests.clear()
        if how == "stopped":
            running.close()
        else:
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("waits for a hub that is not there"))
        assert hub.fetch(REPOSITORY, NAMES) == online
        reason = {"forbidden": "HF_HUB_OFFLINE forbids to ask", "stopped": "there is no connection to"}[how]
        with pytest.raises(hub.HubError, match=rf"^a/b is not in the cache .*, and {reason} {server.url}$"):
            hub.fetch("a/b", NAMES)
        assert not server.requests


@pytest.mark.parametrize(
    ("refusal", "clause"),
    [
        ((401, "GatedRepo"), rf"{REPOSITORY} is gated: accept its terms at http.*/{REPOSITORY} .*HF_TOKEN"),
        ((403, "GatedRepo"), "is gated"),
        ((404, "RepoNotFound"), rf"http.* has no repository {REPOSITORY}, or a private one: .*HF_TOKEN"),
        ((401, "RepoNotFound"), "has no repository .*HF_TOKEN"),  # for missing ones, to those without a token
        ((401, ""), rf"http.* answers 401 to {REPOSITORY}: .*HF_TOKEN"),
        ((403, ""), rf"http.* answers 403 to {REPOSITORY}: .*HF_TOKEN"),
        ((404, "RevisionNotFound"), "has no revision next"),
        ((404, "EntryNotFound"), r"has no model\.safetensors or pytorch_model\.bin"),
        ((200, ""), "could not be fetched from http.*: .* ETag"),  # something else than a hub
        ((503, ""), rf"http.* answers 503 to {REPOSITORY}$"),
    ],
)
def test_a_refusal_is_one_clause(
    server: Hub, refusal: tuple[int, str], clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # between retries
    server.refusal = refusal
    with pytest.raises(hub.HubError, match=clause) as error:
        hub.fetch(REPOSITORY, NAMES, "next")
    assert "\n" not in str(error.value)
    assert len(server.requests) <= 10


def test_names_that_cannot_be_are_refused(server: Hub) -> None:
    with pytest.raises(hub.HubError, match="no repository a/b"):
        hub.fetch("a/b", NAMES)
    with pytest.raises(hub.HubError, match="a/b/c could not be fetched"):
        hub.fetch("a/b/c", NAMES)


def test_a_cut_download_is_resumed(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server.cut = 2
    for _ in range(2):  # within one call, or before 2.0 by the next one
        with contextlib.suppress(hub.HubError):
            fetched()
    assert fetched() == CONTENT
    assert len(server.ranges) == 2


def test_a_download_that_breaks_off_leaves_nothing_that_is_trusted(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    server.cut_to_nothing = True
    with pytest.raises(hub.HubError, match=f"^{REPOSITORY} could not be fetched from {server.url}: "):
        fetched()
    server.cut_to_nothing = False
    assert fetched() == CONTENT


def in_a_process(code: str, server: Hub, home: Path, **environment: str) -> subprocess.Popen[str]:
    """Run Python as a user would, with the hub chosen by environment variables."""
    clean = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    chosen = {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "NO_PROXY": "*", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=clean | chosen | environment, stdout=subprocess.PIPE, text=True)


def test_a_killed_download_starts_again(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stalling = True
    code = f"from robustness.hub import fetch; fetch({REPOSITORY!r}, {NAMES!r})"
    with in_a_process(code, server, tmp_path) as process:
        while not (server.downloads and list(tmp_path.rglob("*.incomplete"))) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert list(tmp_path.rglob("*.incomplete"))
    server.stalling = False
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert fetched() == CONTENT


def test_an_error_of_the_xet_storage_is_told(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> str:
        raise RuntimeError("Task error: File reconstruction error\nand more")  # so hf_xet 1.8

    monkeypatch.setattr(hub, "hf_hub_download", fail)
    with pytest.raises(hub.HubError, match=r"could not be fetched from .*: Task error: File reconstruction error$"):
        fetched()


def test_content_with_another_hash_is_refused_until_it_is_deleted(server: Hub) -> None:
    server.lying = True
    for _ in range(2):
        with pytest.raises(hub.HubError, match=r"is damaged \(SHA-256 .*delete it to fetch it again$") as error:
            fetched()
    assert server.downloads == 1
    server.lying = False
    Path(str(error.value).partition(" is damaged")[0]).unlink()
    assert fetched() == CONTENT


def test_a_cache_that_rots_is_noticed_without_the_hub(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    file = hub.fetch(REPOSITORY, NAMES)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    blob = file.path.resolve()
    blob.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(hub.HubError, match=f"^{blob} is damaged"):
        fetched()


def test_a_blob_may_be_a_link_into_a_shared_store(server: Hub, tmp_path: Path) -> None:
    blob = hub.fetch(REPOSITORY, NAMES).path.resolve()
    store = blob.rename(tmp_path / hashlib.sha256(b"named by another hash").hexdigest())
    blob.symlink_to(store)
    assert fetched() == CONTENT
    store.write_bytes(CONTENT[::-1])
    with pytest.raises(hub.HubError, match=f"^{store} is damaged"):
        fetched()


def test_a_disk_that_fails_is_named(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, limits[1]))
    try:
        with pytest.raises(hub.HubError, match=f"cannot be kept in the cache {tmp_path / 'cache'}: .*File too large"):
            fetched()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fetched() == CONTENT
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(hub.HubError, match=r"cannot be kept in the cache .*file"):
        fetched()


def test_what_the_hub_breaks_while_timm_asks_is_told(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.refusal = (404, "EntryNotFound")
    with (
        pytest.raises(hub.HubError, match=f"^asking {server.url} failed: 404"),
        hub.cached_when_unreachable(),
    ):
        timm.create_model(f"hf-hub:{REPOSITORY}", pretrained=True)


def test_nothing_stays_changed(
    direct: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    point_to("http://hub.invalid", tmp_path, monkeypatch)
    caplog.set_level(logging.INFO, "huggingface_hub")
    log = logging.getLogger("huggingface_hub")
    with pytest.raises(KeyboardInterrupt), hub.cached_when_unreachable():
        assert (constants.HF_HUB_OFFLINE, log.level) == (True, logging.ERROR)
        raise KeyboardInterrupt
    assert (constants.HF_HUB_OFFLINE, log.level) == (False, logging.INFO)


def test_reachable_means_that_the_hub_takes_a_connection(
    direct: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    point_to("https://hub.invalid", tmp_path, monkeypatch)  # a name that never resolves, RFC 6761
    assert not hub.reachable()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert hub.reachable()
    monkeypatch.setenv("no_proxy", "hub.invalid")
    assert not hub.reachable()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        point_to(f"http://127.0.0.1:{port}", tmp_path, monkeypatch)
        assert hub.reachable()
    assert not hub.reachable()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert hub.reachable()


@pytest.mark.parametrize(("url", "port"), [("http://h", 80), ("https://h", 443), ("https://h:8080/hub", 8080)])
def test_the_port_is_the_urls(
    direct: None, url: str, port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append((*address, timeout))
        raise TimeoutError

    asked: list[tuple[str, int, float]] = []
    point_to(url, tmp_path, monkeypatch)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert not hub.reachable()
    assert asked == [("h", port, hub.PATIENCE)]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small model of timm's with numbers of our own, as timm uploads them."""
    folder = tmp_path_factory.mktemp("repository")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        timm.models.save_for_hf(timm.create_model("test_resnet"), folder, safe_serialization=True)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("spec", ["test_resnet", f"hf-hub:{REPOSITORY}"])
def test_timm_loads_the_file_that_was_fetched(
    server: Hub, repository: dict[str, bytes], spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files = repository
    file = hub.fetch(REPOSITORY, NAMES)
    opened: list[Path] = []
    load_file = safetensors.torch.load_file

    def watched(path: str, device: str = "cpu") -> dict[str, torch.Tensor]:
        opened.append(Path(path))
        return load_file(path, device)

    monkeypatch.setattr(safetensors.torch, "load_file", watched)
    found = models.resolve(spec).provenance
    assert opened == [file.path]
    assert server.downloads == 1
    assert (found.source, found.file, found.revision) == (f"hub {REPOSITORY}", NAMES[0], server.commit)


def test_timm_makes_what_the_hub_names_without_its_weights(server: Hub, repository: dict[str, bytes]) -> None:
    server.files = {"config.json": repository["config.json"]}
    found = models.resolve(f"hf-hub:{REPOSITORY}", models.Weights(random=True)).provenance
    assert (found.architecture, found.random_weights) == ("test_resnet", True)
    assert server.downloads == 0


LOADS = f"""
import json, timm
from robustness.checkpoints import weights_hash
from robustness.hub import cached_when_unreachable, fetch

file = fetch({REPOSITORY!r}, {NAMES!r})
with cached_when_unreachable():
    model = timm.create_model("hf-hub:{REPOSITORY}", pretrained=True)
print(json.dumps([str(file.path), file.revision, weights_hash(model)]))
"""


def test_environment_variables_choose_hub_cache_and_offline_mode(
    direct: None, repository: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "numbers.safetensors").write_bytes(repository[NAMES[0]])
    network = timm.create_model("test_resnet")
    network.load_state_dict(safetensors.torch.load_file(tmp_path / "numbers.safetensors"))
    with serving(Hub(REPOSITORY, repository)) as server:
        first = json.loads(in_a_process(LOADS, server, tmp_path).communicate(timeout=60)[0])
        assert first[1:] == [server.commit, weights_hash(network)]
        assert Path(first[0]).is_relative_to(tmp_path / "hub")
        server.requests.clear()
        offline = in_a_process(LOADS, server, tmp_path, HF_HUB_OFFLINE="1").communicate(timeout=60)[0]
        assert json.loads(offline) == first
        assert not server.requests

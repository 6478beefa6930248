import logging
import pickle
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from robustness.checkpoints import load_strictly, read_state_dict, weights_hash
from robustness.errors import RunError


def network(width: int = 4, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}},
        lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
        lambda state: {f"_orig_mod.module.model.{key}": value for key, value in state.items()},
        lambda state: {"model": state, "args": Namespace(lr=5e-4, output_dir="out")},
        lambda state: {"state_dict": network(seed=3).state_dict(), "state_dict_ema": state},
        lambda state: {"model": network(seed=3).state_dict(), "model_ema": state},
        lambda state: {"state_dict": network(seed=3).state_dict(), "ema_state_dict": state},
    ],
    ids=[
        *("bare", "model", "state_dict of module.", "module.", "model.", "_orig_mod.", "all of them", "arguments"),
        *("state_dict_ema", "model_ema", "ema_state_dict"),
    ],
)
def test_every_wrapping_gives_the_same_numbers(tmp_path: Path, wrap: Callable[[dict], dict]) -> None:
    trained, fresh = network(seed=1), network(seed=2)
    torch.save(wrap(trained.state_dict()), tmp_path / "w.pth")
    load_strictly(fresh, read_state_dict(tmp_path / "w.pth"), "w.pth")
    assert weights_hash(fresh) == weights_hash(trained)


def test_which_of_several_state_dicts_is_loaded_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state, path = network().state_dict(), tmp_path / "w.pth"
    optimizer = {"state": {}, "param_groups": []}
    torch.save({"model": state, "optimizer": optimizer, "epoch": 3}, path)
    read_state_dict(path)
    assert not caplog.records
    torch.save({"model": state, "model_ema": state, "teacher": state, "optimizer": optimizer, "epoch": 3}, path)
    read_state_dict(path)
    told = f"checkpoint {path}: 'model_ema' is loaded, and not 'model', 'teacher'"
    assert caplog.record_tuples == [("robustness.checkpoints", logging.WARNING, told)]


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.module = inner


def test_a_prefix_that_the_model_has_itself_stays() -> None:
    trained, fresh = Wrapped(network(seed=1)), Wrapped(network(seed=2))
    load_strictly(fresh, {f"module.{key}": value for key, value in trained.state_dict().items()}, "w")
    assert weights_hash(fresh) == weights_hash(trained)
    with pytest.raises(RunError, match=r"keys 1 missing: module\.2\.bias$"):
        load_strictly(fresh, {key: value for key, value in trained.state_dict().items() if key[7:] != "2.bias"}, "w")
    with pytest.raises(RunError, match="keys 9 missing: "):
        load_strictly(fresh, {}, "w")


def test_the_hash_is_of_the_numbers_and_not_of_the_file(tmp_path: Path) -> None:
    trained, fresh = network(seed=1), network(seed=2)
    assert weights_hash(trained) != weights_hash(fresh)
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    load_strictly(fresh, read_state_dict(tmp_path / "w.safetensors"), "w")
    assert weights_hash(fresh) == weights_hash(trained)
    with torch.no_grad():
        fresh[0].bias[0] += 1e-6  # type: ignore[index, union-attr, operator]
    assert weights_hash(fresh) != weights_hash(trained)


def test_differing_keys_and_shapes_are_named() -> None:
    wide, model = network(width=5).state_dict(), network()
    wide["extra"] = wide.pop("2.bias")
    before = weights_hash(model)
    with pytest.raises(RunError, match=r"w does not fit Sequential.*1 missing: 2\.bias.*1 unexpected: extra") as error:
        load_strictly(model, wide, "w")
    assert "0.weight (5, 3) instead of (4, 3)" in str(error.value)
    assert weights_hash(model) == before


def test_many_differences_are_counted() -> None:
    with pytest.raises(RunError, match=r"30 unexpected: .* and 20 more"):
        load_strictly(network(), {**network().state_dict(), **{f"x{i}": torch.ones(1) for i in range(30)}}, "w")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": Bomb()}, protocol=2))


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("no checkpoint"), "cannot be read"),
        (write_pickle, "cannot be read as tensors only"),
        (lambda path: torch.save({"model": Bomb()}, path), "cannot be read as tensors only"),
        (lambda path: torch.save([1, 2], path), "holds no state dict, but a list"),
        (lambda path: torch.save({"epoch": 3}, path), "holds more than tensors: epoch"),
        (lambda path: torch.save({"net": {"a": torch.ones(1)}}, path), "tensors: net; .* in state_dict_ema, .*model, "),
        (lambda path: torch.save({"model": {}, "args": Namespace(at=Bomb())}, path), "it holds getattr, which is code"),
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_bad_file_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], sentence: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name)
    with pytest.raises(RunError, match="does not exist|cannot be read" if "safetensors" in name else sentence):
        read_state_dict(tmp_path / name)
    assert not Path("exploded").exists()


def test_refused_code_is_named_with_the_line_that_leaves_it_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = network().state_dict()
    torch.save({"model": state, "args": Namespace(output_dir=Path("out"))}, "w.pth")
    with pytest.raises(RunError, match=r"holds pathlib\.\S*Path, which is code; only if you trust the file") as error:
        read_state_dict(Path("w.pth"))
    (line,) = re.findall(r"torch\.save\(.*\)$", str(error.value))
    assert str(error.value).isprintable()
    exec(line, {"torch": torch})  # noqa: S102 (our own file)
    assert read_state_dict(Path("w-tensors.pth")).keys() == state.keys()


def test_what_the_unpickler_says_is_told_without_its_advice(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"model": {}}, protocol=4))
    with pytest.raises(RunError, match=r"tensors only: Unsupported operand \d+$"):
        read_state_dict(tmp_path / "w.pth")

import pickle
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
        lambda state: {"state_dict": network(seed=3).state_dict(), "state_dict_ema": state},
    ],
    ids=["bare", "model", "state_dict of module.", "module.", "averaged beside the last"],
)
def test_every_wrapping_gives_the_same_numbers(tmp_path: Path, wrap: Callable[[dict], dict]) -> None:
    trained, fresh = network(seed=1), network(seed=2)
    torch.save(wrap(trained.state_dict()), tmp_path / "w.pth")
    load_strictly(fresh, read_state_dict(tmp_path / "w.pth"), "w.pth")
    assert weights_hash(fresh) == weights_hash(trained)


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

"""Networks of files and packages of one's own: what they import, what they draw, what they hand out."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from robustness import models
from robustness.errors import UsageError
from robustness.models import own_network

RANDOM = models.Weights(random=True)
NETWORK = """
import torch
from torch import nn

FACTS = {"input_size": 8, "crop_pct": 1.0, "interpolation": "bilinear", "mean": (0, 0, 0), "std": (1, 1, 1)}

class Constant(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.answer, self.pretrained_cfg = answer, FACTS

    def forward(self, images):
        logits = images.mean((1, 2, 3))[:, None] * self.weight + torch.zeros(len(images), 1000)
        return logits + nn.functional.one_hot(torch.tensor(self.answer), 1000)
"""
IMPORTS = {
    "from layers import ANSWER": "layers.py",
    "import layers; ANSWER = layers.ANSWER": "layers.py",
    "from layers import ANSWER ": "layers/__init__.py",
    "from parts import layers; ANSWER = layers.ANSWER": "parts/layers.py",
    "from parts.layers import ANSWER": "parts/layers.py",
    "from middle import ANSWER": "middle.py layers.py",
    "from parts.middle import ANSWER": "parts/middle.py parts/layers.py",
}


@pytest.fixture(autouse=True)
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test imports."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__spec__", None)):
            del sys.modules[name]
    own_network.TAKEN.clear()


def written(folder: Path, **files: str) -> str:
    """Write files, by their names without suffix, and return the spec of the function `build` of model.py."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return f"{folder / 'model.py'}:build"


def answer(spec: str) -> int:
    with torch.inference_mode():
        (found,) = set(models.resolve(spec).classifier(torch.rand(2, 3, 8, 8)).argmax(1).tolist())
    return int(found)


def importing(folder: Path, statement: str, number: int) -> str:
    """Write a model that answers with the number, which a module of its folder knows."""
    *between, last = IMPORTS[statement].split()
    for file in between:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"from {'.' if '/' in file else ''}layers import ANSWER\n")
    (folder / last).parent.mkdir(parents=True, exist_ok=True)
    (folder / last).write_text(f"ANSWER = {number}\n")
    return written(folder, model=f"{NETWORK}\n{statement}\ndef build():\n    return Constant(ANSWER)\n")


@pytest.mark.parametrize("statement", IMPORTS)
def test_no_file_gets_the_modules_of_another(tmp_path: Path, statement: str) -> None:
    first, second = (importing(tmp_path / name, statement, number) for name, number in (("a", 1), ("b", 2)))
    assert answer(first) == 1
    with pytest.raises(UsageError, match=r"model\.py:build imports \S+, and would get \S+/a/\S+, .* rename yours"):
        answer(second)
    assert answer(first) == 1  # once more, as the judge of a run in bf16


def test_what_is_imported_late_counts_too(tmp_path: Path) -> None:
    late = f"{NETWORK}\ndef build():\n    from layers import ANSWER\n    return Constant(ANSWER)\n"
    for name, number in (("a", 1), ("b", 2)):
        written(tmp_path / name, model=late, layers=f"ANSWER = {number}")
    assert answer(f"{tmp_path / 'a' / 'model.py'}:build") == 1
    with pytest.raises(UsageError, match="imports layers, and would get"):
        answer(f"{tmp_path / 'b' / 'model.py'}:build")


def test_names_that_no_model_imports_may_be_the_same(tmp_path: Path) -> None:
    for name, number in (("a", 1), ("b", 2)):
        spec = written(
            tmp_path / name,
            model=f"{NETWORK}\nimport layers{number}\ndef build():\n    return Constant({number})\n",
            **{f"layers{number}": "", "train": "raise SystemExit", "datasets": "raise SystemExit"},
        )
        assert answer(spec) == number


@pytest.mark.parametrize(
    "build", ["def build(size): pass", "def build(*, size): pass", "class build(Constant): pass", "build = Constant"]
)
def test_a_function_that_wants_arguments_is_refused(tmp_path: Path, build: str) -> None:
    spec = written(tmp_path, model=f"{NETWORK}\n{build}\n")
    with pytest.raises(UsageError, match=r"model\.py:build must be callable without arguments: missing a required"):
        answer(spec)


def test_arguments_with_defaults_and_functions_without_a_signature_are_none(tmp_path: Path) -> None:
    assert answer(written(tmp_path, model=f"{NETWORK}\ndef build(number=3, *_, **__): return Constant(number)\n")) == 3
    with pytest.raises(UsageError, match="builtins:dict returns a dict"):
        answer("builtins:dict")


@pytest.mark.parametrize("name", ["timm/__init__", "random"])
def test_what_is_installed_goes_before_a_file_of_its_name(tmp_path: Path, name: str) -> None:
    written(tmp_path, **{name.replace("/", "__"): "raise SystemExit"})
    module = name.partition("/")[0]
    spec = written(tmp_path, model=f"{NETWORK}\nimport {module}\ndef build():\n    return Constant(4)\n")
    assert answer(spec) == 4


def test_a_name_of_this_toolkit_is_refused(tmp_path: Path) -> None:
    written(tmp_path, datasets="")
    spec = written(tmp_path, model=f"{NETWORK}\nimport datasets\ndef build():\n    return Constant(4)\n")
    with pytest.raises(UsageError, match=r"imports datasets, and would get .* rename yours"):
        answer(spec)


def test_a_file_that_fails_is_executed_again(tmp_path: Path) -> None:
    spec = written(tmp_path, model="import nowhere")
    for _ in range(2):
        with pytest.raises(UsageError, match="No module named 'nowhere'"):
            answer(spec)
    assert "model" not in sys.modules


def test_a_files_own_folder_goes_before_others(tmp_path: Path) -> None:
    for name in ("installed", "earlier"):
        written(tmp_path / name, layers="raise SystemExit", late="raise SystemExit", model=NETWORK)
    sys.path.insert(0, str(tmp_path / "installed"))
    built = "def build():\n    from late import ANSWER\n    return Constant(ANSWER + layers.ANSWER)\n"
    spec = written(tmp_path / "own", model=f"{NETWORK}\nimport layers\n{built}", layers="ANSWER = 1", late="ANSWER = 2")
    assert answer(spec) == 3
    assert sys.path[0] == str(tmp_path / "installed")


def test_a_forward_pass_may_import_what_an_earlier_model_has_too(tmp_path: Path) -> None:
    forward = "class Late(Constant):\n    def forward(self, images):\n        from late import ANSWER\n"
    forward += "        self.answer = ANSWER\n        return super().forward(images)\n"
    plain, late = (f"{NETWORK}\n{forward}\ndef build():\n    return {kind}(0)\n" for kind in ("Constant", "Late"))
    assert answer(written(tmp_path / "a", model=plain, late="ANSWER = 1")) == 0
    assert answer(written(tmp_path / "b", model=late, late="ANSWER = 2")) == 2


def test_a_file_may_have_the_name_of_a_module_and_be_imported_by_those_beside_it(tmp_path: Path) -> None:
    circular = f"{NETWORK}\nfrom layers import double\ndef build():\n    return Constant(double())\n"
    spec = written(
        tmp_path, model=circular, layers="from model import FACTS\ndef double(): return FACTS['input_size'] * 2"
    )
    assert answer(spec) == 16
    json = sys.modules["json"]
    (tmp_path / "json.py").write_text(f"{NETWORK}\ndef build():\n    return Constant(3)\n")
    assert answer(f"{tmp_path / 'json.py'}:build") == 3
    assert sys.modules["json"] is json


def test_a_forward_pass_may_import_its_own_file(tmp_path: Path) -> None:
    late = "def number():\n    from model import Constant\n    return isinstance(NET, Constant)"
    circle = f"{NETWORK}\nimport block\ndef build():\n    block.NET = Constant(0)\n    return Late(0)\n"
    circle += "class Late(Constant):\n"
    circle += "    def forward(self, images):\n        self.answer = 5 if block.number() else 6\n"
    circle += "        return super().forward(images)\n"
    for _ in range(2):  # as for the judge of a run in bf16
        assert answer(written(tmp_path, model=circle, block=late)) == 5


RAW = f"{NETWORK}\ndef build():\n    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 1000))\n"
RAW += "    net.pretrained_cfg = FACTS\n    return net\n"


def test_random_weights_of_own_code_repeat_and_spare_the_global_generator(tmp_path: Path) -> None:
    spec, before = written(tmp_path, model=RAW), torch.random.get_rng_state()
    first, again = (models.resolve(spec, RANDOM).provenance for _ in range(2))
    assert first == again and first.random_weights
    assert torch.equal(before, torch.random.get_rng_state())


HANDED_OUT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.pretrained_cfg = nn.Conv2d(3, 1000, 8), nn.BatchNorm2d(1000), FACTS
        nn.init.uniform_(self.norm.running_mean)

    def forward(self, images):
        return self.norm(self.conv(images)).flatten(1)

class Defended(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net, self.pretrained_cfg = net, FACTS

    def forward(self, images):
        return self.net(images.round(decimals=1))

NET = Net()
CHANGE

def plain():
    return NET

def defended():
    return Defended(NET)
"""


def test_a_network_that_is_handed_out_twice_is_not_changed_in_between(tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    written(tmp_path, handed=NETWORK + HANDED_OUT.replace("CHANGE", ""))
    images = torch.rand(4, 3, 8, 8)
    before = models.resolve("handed:defended")
    models.resolve("handed:plain", precision="bf16")
    after = models.resolve("handed:defended")
    assert before.provenance == after.provenance
    with torch.inference_mode():
        assert torch.equal(before.classifier(images), after.classifier(images))


def test_one_that_cannot_be_copied_is_handed_out_once(tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    closure = (
        "def bound(net):\n    return lambda images: net.norm(net.conv(images)).flatten(1)\nNET.forward = bound(NET)"
    )
    written(tmp_path, handed=NETWORK + HANDED_OUT.replace("CHANGE", closure))
    found = models.resolve("handed:plain")
    assert isinstance(found.classifier, models.ModuleClassifier)
    assert found.classifier.module is sys.modules["handed"].NET
    with pytest.raises(UsageError, match="cannot be copied; have the function build a new one at each call"):
        models.resolve("handed:defended")


def test_what_holds_no_numbers_may_be_in_many_that_cannot_be_copied(tmp_path: Path) -> None:
    built = (
        "    net = Net()\n    net.act, net.forward = RELU, lambda images: net.conv(images).flatten(1)\n    return net\n"
    )
    written(tmp_path, handed=f"{NETWORK}{HANDED_OUT.replace('CHANGE', 'RELU = nn.ReLU()')}\ndef new():\n{built}")
    sys.path.insert(0, str(tmp_path))
    first, again = (models.resolve("handed:new").provenance for _ in range(2))
    assert first == again

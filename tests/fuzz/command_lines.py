"""The words of the three commands, the file of --config, and what attacks and conditions are called."""

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields
from pathlib import Path
from unittest import mock

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import datasets.__main__ as datasets_command
import reports.__main__ as reports_command
from datasets import ADAPTERS, DataError
from reports import FORMATS
from robustness.attacks import ATTACKS, attack_condition
from robustness.command_line import parse
from robustness.condition import parse as parse_key
from robustness.errors import UsageError
from robustness.job import request
from robustness.options import Options
from robustness.suites import SUITES

from .damage import damaged, damaged_values
from .parser import Parser, refuse_noise

FLAGS = [f"--{field.name.replace('_', '-')}" for field in fields(Options)]
VALUES = [
    *SUITES,
    *ATTACKS,
    *FORMATS,
    "all",
    "linf",
    "4/255",
    "1/0",
    "nan",
    "1e400",
    "-1",
    "0",
    "",
    ",",
    "a,b",
    "x.py:y",
]
VALUES += ["cuda:99", "cpu", "bf16", "9" * 5000, "=", "--", "-", "\x1b[31m", "[red]", "\udcff", "auto", "x.pth", "1/²"]
_LETTERS = st.characters(exclude_characters="\0")  # which no command line can hold
_words = st.sampled_from([*VALUES, *FLAGS]) | st.sampled_from(FLAGS) | st.text(_LETTERS, max_size=8)
_pairs = st.tuples(st.sampled_from(FLAGS), st.sampled_from(VALUES) | st.text(_LETTERS, max_size=8))
_joined = st.tuples(st.sampled_from(FLAGS), st.sampled_from(VALUES)).map("=".join).map(lambda word: (word,))
_GOOD = [
    ("--limit", "3"),
    ("--attack", "pgd"),
    ("--eps", "4/255"),
    ("--suite", "imagenet-c"),
    ("--seed", "7"),
    ("--no-jpeg",),
]
_GOOD += [
    ("--norm", "l2", "--eps", "0.5", "--attack", "pgd"),
    ("--formats", "csv,latex"),
    ("--name", "n"),
    ("--dry-run",),
]
WORDS = st.lists(_pairs | _joined | _words.map(lambda word: (word,)), max_size=5).map(lambda some: sum(some, ()))
_BASE = ("--model", "efficientnet_lite0", "--suite", "imagenet", "--sample")


def _terminal() -> io.TextIOWrapper:
    """Take what is UTF-8 and nothing else, as the standard output does."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _asked(words: Sequence[str]) -> str:
    with redirect_stdout(_terminal()):
        options = parse(words)
    if options is None:
        return "help"
    if options.fold or options.config:
        return "parsed"
    request(options, FORMATS, {})
    return "planned"


def _main_words(words: Sequence[str], _folder: Path) -> str:
    return _asked(words)


CONFIGS = [
    {"model": ["pit_s"], "suite": ["imagenet-c"], "limit": 5, "data": "x"},
    {"model": "pit_s", "attack": "pgd", "eps": ["4/255"], "sample": True, "batch-size": "auto", "out": "r"},
]
YAMLS = [
    *(yaml.safe_dump(config).encode() for config in CONFIGS),
    *(
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
        b"!!python/object/apply:os.getcwd []\n",
        b"model: *x\n",
        b"? [a]\n: b\n",
    ),
    *(b"[" * 500, b"model: {model: {model: 1}}\n", b"1: 2\n", b"\xff\xfe", b"seed: 1e3\n", b"limit: 0x10\n", b"- a\n"),
]


def _config(content: bytes, folder: Path) -> str:
    file = folder / "config.yaml"
    file.write_bytes(content)
    with redirect_stdout(_terminal()):
        options = parse(["--config", str(file)])
    assert options is not None
    request(options, FORMATS, {})
    return "planned"


def _command(main: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str], Path], str]:
    def call(words: Sequence[str], folder: Path) -> str:
        words = [word.replace("FOLDER", str(folder)) for word in words]
        said = io.StringIO()
        with (
            redirect_stdout(_terminal()),
            redirect_stderr(said),
            mock.patch.object(datasets_command, "download", _no),
        ):
            try:
                code = main(words)
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else -1
        return refuse_noise(code, said.getvalue())

    return call


def _no(*_arguments: object, **_more: object) -> None:
    raise DataError("nothing is fetched here")


def _called(
    commands: Sequence[str], flags: Sequence[str], values: Sequence[str], whole: Sequence[str]
) -> SearchStrategy[list[str]]:
    """Call a command with flags and values in their places, mostly."""
    value = st.sampled_from(values) | st.text(_LETTERS, max_size=6)
    flagged = st.builds("{}={}".format, st.sampled_from(flags), value)
    word = value | flagged | st.sampled_from([*flags, *whole])
    return st.builds(
        lambda *parts: [*parts[:-1], *parts[-1]], st.sampled_from(commands), value, st.lists(word, max_size=3)
    )


_PLACES = ["FOLDER", "FOLDER/a", "", "/dev/null", "hf://a/b", "hf://", "hf://a/b@\n", ".", "é", "\udcff", "3", "-1"]


def _extended(calls: Sequence[str], words: Sequence[str]) -> SearchStrategy[list[str]]:
    """Append words to calls that make sense."""
    more = st.lists(st.sampled_from(words) | st.text(_LETTERS, max_size=6), max_size=2)
    return st.builds(lambda call, own: [*call.split(), *own], st.sampled_from(calls), more)


_CHECKS = [f"check {name} --data{place}" for name in ADAPTERS for place in ("=FOLDER", "-root=FOLDER", "=FOLDER/a")]
_CHECKS += ["download imagenet-a --data-root=FOLDER", "list", "check imagenet --data=hf://a/b", "check x --data=FOLDER"]
_DATASETS = _extended(_CHECKS, ["--decode", "--workers=2", "--workers=-1", "--accept-license", "x", "--"]) | _called(
    ["download", "list", "check", "check", "check", "--help", "x"],
    ["--data", "--data-root", "--workers"],
    [*ADAPTERS, *_PLACES],
    ["--decode", "--accept-license", "--data=FOLDER", "--data-root=FOLDER", "--"],
)
_CALLS = [
    "compare FOLDER FOLDER/a --out=FOLDER/out",
    "compare FOLDER --out=FOLDER/out",
    "render FOLDER",
    "render FOLDER/a",
]
_REPORTS = _extended(
    _CALLS, ["--formats=csv", "--formats=", "--formats=x", "--out=FOLDER", "FOLDER/b", "--"]
) | _called(
    ["compare", "compare", "render", "render", "--help", "x"],
    ["--out", "--formats"],
    [*FORMATS, *_PLACES],
    ["--out=FOLDER/out", "--formats=csv", "--formats=csv,nonsense", "--"],
)


_names = st.sampled_from([*ATTACKS]) | st.sampled_from([*ATTACKS, "x", ""])
_eps = (
    st.sampled_from(["4/255", "0.5/255", "0.5", "1/255", "1"])
    | st.sampled_from(VALUES)
    | st.from_regex(r"-?[0-9]{0,9}([.e/][0-9]{0,9}){0,2}", fullmatch=True)
    | st.text(max_size=5)
)
_FEW = st.fixed_dictionaries({}, optional={"eps": _eps, "norm": st.sampled_from(["linf", "l2"])})
_FLAGS = _FEW | st.fixed_dictionaries({}, optional={
    "eps": _eps, "norm": st.sampled_from(["linf", "l2", "l1", "l3"]), "steps": st.integers(-2, 10**7),
    "step_size": _eps, "restarts": st.integers(-2, 10**7), "targeted": st.sampled_from(["random", "runner-up", "x"]),
})  # fmt: skip


def _attack(asked: tuple[str, dict[str, object]], _folder: Path) -> str:
    name, flags = asked
    condition = attack_condition(name, **flags)  # type: ignore[arg-type]
    again, values = parse_key(condition.key)
    assert (again, values) == (condition.name, {key: str(value) for key, value in condition.params}), condition.key
    return "round trip"


def _key(key: str, _folder: Path) -> str:
    name, params = parse_key(key)
    assert isinstance(name, str)
    return "with parameters" if params else "bare"


_named = st.dictionaries(st.text("abc_", max_size=4), st.text("1/25.x=", max_size=4), max_size=3)
_formed = st.builds(
    lambda name, params: f"{name}({','.join(map('='.join, params.items()))})", st.text("pgd", max_size=4), _named
)
_keys = _formed | st.text("pgd(norm=linf,eps4/25)=,", max_size=40) | st.text(max_size=10)
PARSERS = {
    "words of evaluate_robustness": Parser(
        WORDS
        | st.builds(
            lambda good, words: (*_BASE, *sum(good, ()), *words),
            st.lists(st.sampled_from(_GOOD), max_size=3),
            WORDS | st.just(()),
        ),
        _main_words,
        (UsageError,),
    ),
    "--config": Parser(
        damaged(YAMLS) | damaged_values(CONFIGS).map(lambda value: yaml.safe_dump(value).encode("utf-8", "replace")),
        _config,
        (UsageError,),
    ),
    "words of datasets": Parser(_DATASETS, _command(datasets_command.main), ()),
    "words of reports": Parser(_REPORTS, _command(reports_command.main), ()),
    "attack flags": Parser(st.tuples(_names, _FLAGS), _attack, (UsageError,)),
    "condition keys": Parser(_keys, _key, (ValueError,)),
}

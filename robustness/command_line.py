"""From the words of a command line to options: flags, below them the file that --config names, and the environment."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.config import Dict
from cyclopts.exceptions import CycloptsError, UnusedCliTokensError
from yaml import YAMLError, safe_load

from .attacks import ATTACKS
from .errors import UsageError
from .header import VERSION
from .options import LISTS, Options
from .suites import SUITES

ABOUT = """How robust is an ImageNet classifier, and how does it compare?

With no options at all: the demo, the bundled model on 20 bundled photographs, two minutes.
"""
EXAMPLES = """Examples of what may follow `python evaluate_robustness.py`:

  --model pit_s --suite imagenet-c --data imagenet/val
  --model pit_s --model resnet50 --suite all --data-root /data
  --model resnet50 --attack pgd --eps 1/255,4/255 --data imagenet/val
  --model mine.py:build --checkpoint mine.pth --suite imagenet --sample
"""
DATA_ROOT = "ROBUSTNESS_DATA"  # of the environment
NEGATIVES = {f"no_{field.name}": field.name for field in fields(Options) if field.default is True}


def parse(words: Sequence[str]) -> Options | None:
    """Read flags, file and environment, the first to say something counts; None when the help was printed instead.

    Raises UsageError for flags that do not exist or have values of the wrong type, and for the file.
    """
    app = App(
        name="evaluate_robustness.py",
        help=ABOUT,
        help_epilogue=EXAMPLES,
        help_format="plaintext",
        version=VERSION,
        group_commands=LISTS,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )

    @app.default
    def run(options: Options = Options()) -> Options:  # noqa: B008 (frozen)
        return options

    options: Options | None = None
    try:
        options = app(words)
        if options is not None and options.config is not None:
            config = Dict(_without_negatives(_read(options.config), options.config))
            config.source = str(options.config)
            app.config = (config,)
            options = app(words)
    except UnusedCliTokensError as error:
        raise UsageError(_told(str((error.unused_tokens or [""])[0]))) from error
    except CycloptsError as error:
        raise UsageError(str(error)) from error
    if options is None:
        return None
    if options.data_root is None and (root := os.environ.get(DATA_ROOT)):
        options = replace(options, data_root=Path(root))
    _check_encoding(options)
    return options


def _check_encoding(options: Options) -> None:
    """Raise UsageError for names that are not UTF-8, as Linux allows: records and reports could not be written."""
    for field in fields(options):
        value = getattr(options, field.name)
        for word in map(str, value if isinstance(value, tuple) else (value,)):
            try:
                word.encode()
            except UnicodeEncodeError as error:
                flag = field.name.replace("_", "-")
                raise UsageError(
                    f"--{flag} {word} is not UTF-8, as reports must be; rename it, or link to it"
                ) from error


def _read(file: Path) -> dict[str, Any]:
    """Read what --config names. Raises UsageError for what is no YAML file of names and values."""
    try:
        content = safe_load(file.read_text(encoding="utf-8"))
    except (OSError, YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"--config {file} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise UsageError(f"--config {file} holds no names with values, such as `suite: imagenet-c`")
    return content


def _without_negatives(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Write `no-jpeg: true` as `jpeg: false`; cyclopts takes either name for the flag's own.

    Raises UsageError for a negative of what is neither true nor false, and beside the flag itself.
    """
    plain = dict(content)
    for name, value in content.items():
        flag = NEGATIVES.get(name.replace("-", "_"))
        if flag is None:
            continue
        if not isinstance(value, bool):
            raise UsageError(f"--config {file}: {name} is {value!r}; it takes true or false")
        del plain[name]
        if flag in plain:
            raise UsageError(f"--config {file} says {name}, and {flag} in other words too; leave one out")
        plain[flag] = not value
    return plain


def _told(word: str) -> str:
    """Say which flag a word without one may be meant for."""
    if word in SUITES or word == "all":
        flag = "suite"
    elif word in ATTACKS:
        flag = "attack"
    else:
        flag = "data" if os.path.exists(word) else "model"  # noqa: PTH110 (a Path's raises for words of 300 letters)
    word = word if word.isprintable() else ascii(word)
    return f"{word} stands without a flag; did you mean --{flag} {word}? A flag is repeated for each value"

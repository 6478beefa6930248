"""From the words of a command line to options: flags, and below them the file that --config names."""

from collections.abc import Sequence

from cyclopts import App
from cyclopts.config import Yaml
from yaml import YAMLError

from .errors import UsageError
from .header import VERSION
from .options import Options

ABOUT = """How robust is an ImageNet classifier, and how does it compare?

    python evaluate_robustness.py --model pit_s --suite imagenet-c
"""


def parse(words: Sequence[str]) -> Options | None:
    """Read the flags, and below them the file that --config names; None when the help was printed instead.

    Exits with 2 on a flag that does not exist or has a value of the wrong type. Raises UsageError for the file.
    """
    app = App(name="evaluate_robustness.py", help=ABOUT, version=VERSION, help_format="plaintext")

    @app.default
    def run(options: Options = Options()) -> Options:  # noqa: B008 (frozen)
        return options

    options: Options | None = app(words, result_action="return_value")
    if options is not None and options.config is not None:
        app.config = (Yaml(options.config, must_exist=True),)
        try:
            options = app(words, result_action="return_value")
        except (OSError, YAMLError) as error:
            raise UsageError(f"--config {options.config} cannot be read as YAML: {error}") from error
    return options

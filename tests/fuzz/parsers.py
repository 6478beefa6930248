"""All parsers of outside input, by name."""

from collections.abc import Mapping

from . import archives, checkpoints, command_lines, downloads, images, stored_runs, tables
from .parser import Parser

_FAMILIES = (command_lines, checkpoints, archives, tables, images, stored_runs, downloads)
PARSERS: Mapping[str, Parser] = {name: parser for family in _FAMILIES for name, parser in family.PARSERS.items()}

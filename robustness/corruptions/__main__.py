"""`python -m robustness.corruptions --gallery OUT.png IMAGE`: draw a picture under every corruption and severity."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..errors import RunError, UsageError
from . import BAR, EXTRA, OCCLUSION, PATCH, STANDARD
from .gallery import gallery


def main(words: Sequence[str] | None = None) -> int:
    """Run the command with `words` for its arguments; returns the exit code: 0 done, 1 no picture could be had."""
    parser = argparse.ArgumentParser(prog="python -m robustness.corruptions", description=__doc__)
    parser.add_argument("--gallery", type=Path, required=True, metavar="OUT", help="the file to write, e.g. out.png")
    parser.add_argument("--only", action="append", metavar="NAME", help="this corruption alone; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the picture to corrupt")
    given = parser.parse_args(words)
    names = given.only or (*STANDARD, *EXTRA, *BAR, *OCCLUSION, *PATCH)
    try:
        with Image.open(given.image) as picture:
            gallery(picture, names, given.seed).save(given.gallery)
    except UsageError as error:
        parser.error(str(error))
    except (RunError, OSError, ValueError) as error:  # Pillow's of files that are no pictures, and of unknown formats
        print(f"no gallery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

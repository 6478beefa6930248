"""Folders of files, laid out for a test."""

from pathlib import Path


def put(root: Path, *names: str, content: bytes = b"x") -> Path:
    """Write files below a folder, which is returned."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root

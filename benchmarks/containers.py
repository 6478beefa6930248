"""The same images in every container: what tests compare and `benchmarks.sources` measures."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Files = Mapping[str, bytes]
Row = tuple[str | None, bytes | None, int | None]  # file name, content, label


def write_folder(root: Path, files: Files) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_tar(path: Path, files: Files, prefix: str = "", mode: str = "w", format: int = tarfile.PAX_FORMAT) -> Path:
    """Write files into a tar. prefix: of the members' names. mode: `w:gz` compresses it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=format) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_zip(path: Path, files: Files, prefix: str = "", compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write files into a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return path


def write_parquet(path: Path, rows: Sequence[Row], classes: Sequence[str] | None = None, group: int = 100) -> Path:
    """Write rows as the model hub's library does: a column `image` of bytes and path, and a column `label`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": content, "path": name} for name, content, _ in rows]
    table = pa.table(
        {
            "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "label": pa.array([label for _, _, label in rows], pa.int64()),
        }
    )
    if classes is not None:
        features = {"image": {"_type": "Image"}, "label": {"names": list(classes), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=group)
    return path


def write_shard(path: Path, rows: Sequence[Row], in_json: bool = False) -> Path:
    """Write rows as a webdataset shard: `key.jpg` and `key.cls`, or `key.json`."""
    files: dict[str, bytes] = {}
    for name, content, label in rows:
        key = str(name).rpartition(".")[0]
        files[str(name)] = content or b""
        files[f"{key}.json" if in_json else f"{key}.cls"] = (
            json.dumps({"label": label}) if in_json else f"{label}"
        ).encode()
    return write_tar(path, files)

"""The gallery: what stands in its cells, and what the command says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustness.corruptions import CORRUPTIONS, corrupt
from robustness.corruptions.__main__ import main
from robustness.corruptions.gallery import CELL, HEADING, LABELS, SIZE, gallery
from robustness.seeds import generator


@pytest.fixture
def picture() -> Image.Image:
    """A portrait, 512 by 648, with noise in the middle 224/256 of its width and black around."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    return Image.fromarray(np.pad(blocks, ((100, 100), (32, 32), (0, 0))))


def cell(sheet: Image.Image, row: int, column: int) -> Image.Image:
    left, top = LABELS + CELL * column, HEADING + CELL * row
    return sheet.crop((left, top, left + CELL, top + CELL))


def test_cells_are_the_corruptions(picture: Image.Image) -> None:
    names = ["fog", "center_occlusion"]
    sheet = gallery(picture, names, seed=7)
    assert sheet.size == (LABELS + 6 * CELL, HEADING + 2 * CELL)
    middle = picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(32, 100, 480, 548))
    pixels = torch.from_numpy(np.array(middle)).movedim(-1, 0)[None]
    for row, name in enumerate(names):
        wanted = [pixels] + [
            corrupt(pixels, name, severity, [generator(7, f"{name}(severity={severity})", "")])
            for severity in (1, 2, 3, 4, 5)
        ]
        for column, image in enumerate(wanted):
            shown = Image.fromarray(image[0].movedim(0, -1).numpy()).resize((CELL, CELL), Image.Resampling.BOX)
            assert np.array_equal(cell(sheet, row, column), shown)


def test_rows_and_columns_have_labels(picture: Image.Image) -> None:
    sheet = np.asarray(gallery(picture, ["contrast", "pixelate"]).convert("L"))
    labels = [sheet[HEADING + CELL * row :][:CELL, :LABELS] for row in range(2)]
    headings = [sheet[:HEADING, LABELS + CELL * column :][:, :CELL] for column in range(6)]
    assert all((part < 128).any() for part in (*labels, *headings))
    assert not np.array_equal(labels[0], labels[1])


def test_the_command(picture: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = str(tmp_path / "in.png"), tmp_path / "out.png"
    picture.save(source)
    assert main(["--gallery", str(out), "--only", "contrast", source]) == 0
    with Image.open(out) as sheet:
        assert np.array_equal(sheet, gallery(picture, ["contrast"]))
    assert main(["--gallery", str(out), source]) == 0
    with Image.open(out) as sheet:
        assert sheet.height == HEADING + CELL * len(CORRUPTIONS)
    assert main(["--gallery", str(out), str(tmp_path / "none.png")]) == 1
    assert "none.png" in capsys.readouterr().err
    assert main(["--gallery", str(tmp_path / "out"), "--only", "contrast", source]) == 1
    assert capsys.readouterr().err == "no gallery: unknown file extension: \n"
    with pytest.raises(SystemExit, match="2"):
        main(["--gallery", str(out), "--only", "frog", source])
    assert "unknown corruption 'frog'; did you mean fog or frost" in capsys.readouterr().err

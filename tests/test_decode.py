"""Decoding and views against Pillow and torchvision, and refusals of everything that is no usable picture."""

import importlib
import io
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms

from datasets import IMAGENET_C_VIEW, DecodeError, View, decode, open_sample
from datasets.decode import decode_with_pillow

Decode = Callable[[bytes], NDArray[np.uint8]]
BOUNDS = importlib.import_module("datasets.decode")  # the package exports a function of the module's name
SAMPLE = open_sample()
PHOTOGRAPHS = {sample.sample_id: SAMPLE.source.read(sample.sample_id) for sample in SAMPLE.samples}
RESAMPLING = {
    "bilinear": (Image.Resampling.BILINEAR, transforms.InterpolationMode.BILINEAR),
    "bicubic": (Image.Resampling.BICUBIC, transforms.InterpolationMode.BICUBIC),
}


def with_pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def pixels(tensor: torch.Tensor) -> NDArray[np.uint8]:
    assert tensor.dtype == torch.uint8 and tensor.ndim == 3 and tensor.shape[0] == 3
    return tensor.permute(1, 2, 0).numpy()


@pytest.fixture(params=["fast", "pillow"])
def decoded(request: pytest.FixtureRequest) -> Decode:
    """Decode by one of the two ways, which must give the same levels and the same refusals."""
    if request.param == "fast":
        return lambda data: pixels(decode(data))
    return lambda data: np.array(decode_with_pillow(data))


def encode(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def animation(kind: str) -> bytes:
    return encode(photograph(), kind, save_all=True, append_images=[photograph().rotate(180)], duration=100)


def photograph(width: int = 61, height: int = 47) -> Image.Image:
    with Image.open(io.BytesIO(next(iter(PHOTOGRAPHS.values())))) as image:
        return image.convert("RGB").crop((150, 150, 150 + width, 150 + height))


def rare_sampling() -> bytes:
    """Make a grey JPEG whose luma is sampled 3 x 1 to the chroma: valid, but nothing that TurboJPEG has a name for."""
    plain = encode(Image.new("RGB", (48, 16), (128, 128, 128)), subsampling="4:4:4")
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    header = bytearray(plain[: scan + 2 + plain[scan + 3]])
    header[frame + 11] = 0x31
    units = ("001010" * 3 + "0000" * 2) * 4  # per unit three luma and two chroma blocks, each "no difference, end"
    return bytes(header) + int(units, 2).to_bytes(len(units) // 8, "big") + b"\xff\xd9"


def gif_with_a_vast_frame(side: int) -> bytes:
    """Make a GIF whose screen is small but whose one frame announces side x side pixels."""
    data = bytearray(encode(photograph(), "GIF"))
    frame = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 61, 47))
    data[frame + 5 : frame + 9] = struct.pack("<HH", side, side)
    return bytes(data)


def patched(data: bytes, after: bytes, offset: int, value: int) -> bytes:
    position = data.index(after) + offset
    return data[:position] + bytes([value]) + data[position + 1 :]


def png(width: int, height: int, depth: int = 8, color: int = 2, extra: bytes = b"") -> bytes:
    """Write a PNG that is all header: what it announces need not follow."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    animation = chunk(b"acTL", extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + header + animation + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_decode_to_pillows_levels(name: str, decoded: Decode) -> None:
    assert np.array_equal(decoded(PHOTOGRAPHS[name]), with_pillow(PHOTOGRAPHS[name]))


JPEGS = {
    **{f"{s} {p}": {"subsampling": s, "progressive": p} for s in ("4:4:4", "4:2:2", "4:2:0", "4:1:1") for p in (0, 1)},
    "restart markers": {"restart_marker_rows": 1},
    "turned by EXIF": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
    "stored as RGB": {"keep_rgb": True},
}
FILES = {
    **{name: encode(photograph(), **options) for name, options in JPEGS.items()},
    **{f"JPEG {mode}": encode(photograph().convert(mode), progressive=mode == "L") for mode in ("L", "CMYK")},
    "JPEG YCCK": simplejpeg.encode_jpeg(np.array(photograph().convert("CMYK")), colorspace="CMYK"),
    "JPEG with a second picture": encode(photograph(), "MPO", save_all=True, append_images=[photograph().rotate(180)]),
    **{f"PNG {mode}": encode(photograph().convert(mode), "PNG") for mode in ("RGB", "RGBA", "L", "LA", "P", "1")},
    "PNG transparent grey": encode(photograph().convert("L"), "PNG", transparency=7),
    **{kind: encode(photograph(), kind) for kind in ("WEBP", "BMP", "GIF")},
    "JPEG rare sampling": rare_sampling(),
    "JPEG of JFIF 3": patched(encode(photograph()), b"JFIF\0", 5, 3),
    "JPEG scan header slip": patched(encode(photograph()), b"\xff\xda", 12, 0),
    "JPEG stray byte": encode(photograph())[:-2] + b"\x7f\xff\xd9",
    "JPEG stray bytes": encode(photograph(), progressive=True)[:-2] + b"\x7f" * 40 + b"\xff\xd9",
    "JPEG unknown transform": b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07" + encode(photograph())[20:],
    "JPEG junk behind": encode(photograph()) + b"junk",
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_decodes_to_pillows_levels(name: str, decoded: Decode) -> None:
    assert np.array_equal(decoded(FILES[name]), with_pillow(FILES[name]))


def test_ycck_is_what_its_name_says() -> None:
    *_, colorspace, _ = simplejpeg.decode_jpeg_header(FILES["JPEG YCCK"])
    assert colorspace == "YCCK"


def test_transparent_palette_decodes_without_the_warning_of_pillow(decoded: Decode) -> None:
    palette = photograph().convert("P")
    data = encode(palette, "PNG", transparency=bytes(range(0, 250, 25)))
    assert np.array_equal(decoded(data), np.array(palette.convert("RGB")))


def test_damaged_exif_neither_warns_nor_matters(decoded: Decode) -> None:
    data = rare_sampling()
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\0\x01\x02"
    with_exif = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[20:]  # instead of JFIF's
    assert np.array_equal(decoded(with_exif), decoded(data))


# A progressive file cut between two scans and closed with an end marker is a whole file of a coarse picture.
@pytest.mark.parametrize(
    ("progressive", "ending"),
    [(False, b""), (False, b"\0" * 400), (False, b"\xff\xd9"), (True, b""), (True, b"\0" * 400)],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_truncated_jpeg_never_comes_back(mode: str, progressive: bool, ending: bytes, decoded: Decode) -> None:
    data = encode(photograph().convert(mode), progressive=progressive)
    for cut in range(0, len(data) - 12, 9):
        with pytest.raises(DecodeError):
            decoded(data[:cut] + ending)
            pytest.fail(f"{cut} of {len(data)} bytes were enough")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF"])
def test_other_truncated_files_never_come_back(kind: str, decoded: Decode) -> None:
    data = encode(photograph(), kind)
    for cut in range(0, len(data) - 64, 37):
        with pytest.raises(DecodeError):
            decoded(data[:cut])
            pytest.fail(f"{cut} of {len(data)} bytes were enough")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 an archive", "not a JPEG, PNG, WebP, BMP or GIF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a JPEG, PNG, WebP, BMP or GIF"),
        (encode(photograph(), "TIFF"), "not a JPEG, PNG, WebP, BMP or GIF"),
        (bytes(500), "not a JPEG, PNG, WebP, BMP or GIF"),
        (b"\xff\xd8\xff", "corrupt JPEG"),
        (encode(Image.new("RGB", (1, 1))), "1 x 1 pixels, but each side must have at least 8"),
        (encode(Image.new("L", (7, 300)), "PNG"), "7 x 300 pixels, but each side must have at least 8"),
        (encode(Image.new("L", (8, 801)), "PNG"), "8 x 801 pixels, a strip"),
        (encode(Image.new("L", (8, 801))), "8 x 801 pixels, a strip"),
        (encode(Image.fromarray(np.zeros((16, 16), np.uint16)), "PNG"), "16-bit PNG: convert it to 8 bits"),
        (png(16, 16, depth=16), "16-bit PNG: convert it to 8 bits, as with `magick"),
        (png(12_000, 12_000), "12000 x 12000 pixels, more than"),
        (png(50_000, 50_000), "50000 x 50000 pixels, more than"),
        (
            patched(patched(encode(photograph()), b"\xff\xc0", 5, 0xEA), b"\xff\xc0", 7, 0xEA),
            "59965 x 59951 pixels, more",
        ),
        (png(16, 16, extra=bytes(8)), "an animation"),
        *((animation(kind), "an animation, not one picture") for kind in ("PNG", "GIF", "WEBP")),
        (gif_with_a_vast_frame(10_000), "GIF .*exceeds limit"),
        (gif_with_a_vast_frame(30_000), "GIF .*exceeds limit"),
        (patched(encode(photograph()), b"\xff\xc0", 4, 12), "corrupt JPEG"),
    ],
)
def test_refusals_give_their_reason(data: bytes, reason: str, decoded: Decode) -> None:
    with pytest.raises(DecodeError, match=reason):
        decoded(data)


def test_size_is_checked_before_a_jpeg_is_decoded(monkeypatch: pytest.MonkeyPatch, decoded: Decode) -> None:
    monkeypatch.setattr(BOUNDS, "MAX_PIXELS", 61 * 47 - 1)
    monkeypatch.setattr("simplejpeg.decode_jpeg", lambda *_args, **_options: pytest.fail("it was decoded"))
    with pytest.raises(DecodeError, match="more than the 2866"):
        decoded(encode(photograph()))


MAGIC = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b"BM", b"GIF89a")


def assert_usable_or_refused(data: bytes) -> None:
    try:
        image = decode(data)
    except DecodeError as error:  # any other error, and any warning, fails the test
        with pytest.raises(DecodeError, match=f"^{re.escape(str(error))}$"):
            decode_with_pillow(data)
    else:
        assert min(image.shape[1:]) >= BOUNDS.MIN_SIDE
        assert np.array_equal(pixels(image), np.array(decode_with_pillow(data)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_decode_error(magic: bytes, data: bytes) -> None:
    assert_usable_or_refused(magic + data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=6))
def test_damaged_files_raise_nothing_but_decode_error(name: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(FILES[name])
    for position, value in damage:
        data[position % len(data)] = value
    assert_usable_or_refused(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_truncated_animations_raise_nothing_but_decode_error(kind: str) -> None:
    data = animation(kind)
    for cut in range(0, len(data), 7):
        assert_usable_or_refused(data[:cut])


def reference(view: View, image: Image.Image) -> NDArray[np.uint8]:
    """Apply torchvision's first transforms to a Pillow image, but squash rows first, as Pillow did until version 13."""
    steps: list[object] = []
    image = image.crop((view.border, view.border, image.width - view.border, image.height - view.border))
    pillow, torchvision = RESAMPLING[view.interpolation]
    if view.mode == "squash":
        assert view.resize
        image = image.resize((view.resize, image.height), pillow).resize((view.resize, view.resize), pillow)
    elif view.resize is not None:
        steps.append(transforms.Resize(view.resize, interpolation=torchvision))
    return np.array(transforms.Compose([*steps, transforms.CenterCrop(view.crop)])(image))


SHAPES = [(512, 512), (500, 333), (333, 500), (231, 90), (97, 301), (512, 9)]
VIEWS = [
    IMAGENET_C_VIEW,
    View(248, 224, "bicubic"),
    View(236, 224, "bicubic", "squash"),
    View(384, 384, "bilinear", "squash"),
    View(None, 224, "bilinear"),
    View(None, 301, "bicubic"),
    View(224, 224, "bilinear", border=2),
]


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_view_is_within_two_levels_of_torchvision_on_pillow(view: View, width: int, height: int) -> None:
    equal = []
    for data in list(PHOTOGRAPHS.values())[::5]:
        with Image.open(io.BytesIO(data)) as image:
            image = image.convert("RGB").crop((0, 0, width, height))
        ours = pixels(view(torch.from_numpy(np.array(image)).permute(2, 0, 1)))
        difference = np.abs(ours.astype(int) - reference(view, image))
        if view.mode == "center":
            assert np.array_equal(np.array(view(image)), reference(view, image))
        assert difference.shape == (view.crop, view.crop, 3)
        assert difference.max() <= (2 if view.resize else 0)
        equal.append(np.mean(difference == 0))
    assert np.mean(equal) > 0.9


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(8, 260), st.integers(8, 260)),
    st.integers(8, 200),
    st.integers(0, 40),
    st.sampled_from(["bilinear", "bicubic"]),
    st.sampled_from(["center", "squash"]),
    st.integers(0, 3),
)
def test_what_the_crop_hides_is_spared_without_a_trace(
    shape: tuple[int, int], resize: int, hidden: int, interpolation: str, mode: str, border: int
) -> None:
    noise = np.random.default_rng(resize).integers(256, size=(*shape, 3), dtype=np.uint8)
    image = torch.from_numpy(noise).permute(2, 0, 1)
    crop = max(1, resize - hidden)
    inner = image[:, border : shape[0] - border, border : shape[1] - border]
    size = [resize] * 2 if mode == "squash" else [resize * side // min(inner.shape[1:]) for side in inner.shape[1:]]
    whole = torch.nn.functional.interpolate(inner[None], size, mode=interpolation, antialias=True)[0]
    view = View(resize, crop, interpolation, mode, border)
    assert torch.equal(view(image), transforms.CenterCrop(crop)(whole))


def test_squashed_pillow_images_have_the_levels_of_pillow() -> None:
    image = photograph(97, 301)
    assert np.array_equal(np.array(View(248, 248, "bicubic", "squash")(image)), image.resize((248, 248), Image.BICUBIC))


@pytest.mark.parametrize("border", [0, 2, 3])
def test_the_border_is_cut_from_each_side_and_nothing_else(border: int) -> None:
    image = Image.new("RGB", (8 + 2 * border, 12 + 2 * border), "red")
    image.paste(photograph(8, 12), (border, border))
    view = View(None, 8, "bilinear", border=border)
    expected = np.array(photograph(8, 12))[2:10]
    assert np.array_equal(np.array(view(image)), expected)
    assert np.array_equal(pixels(view(torch.from_numpy(np.array(image)).permute(2, 0, 1))), expected)


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 224, "bilinear"),
        (256, 0, "bilinear"),
        (256, 224, "lanczos"),
        (256, 224, "bilinear", "fit"),
        (None, 224, "bilinear", "squash"),
        (256, 224, "bilinear", "center", -1),
        (256, 224, "bilinear", "center", 4),
    ],
)
def test_views_that_make_no_sense_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"view|pixel"):
        View(*arguments)  # type: ignore[arg-type]

"""Colours of a heat map: one hue from light to dark, which reads without colour vision, and the ink that stands out.

The scale is ColorBrewer's nine-class Blues (Harrower and Brewer 2003). Contrast as WCAG 2.2 defines it.
"""

SCALE = ("#f7fbff", "#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
_INKS = ("#000000", "#ffffff")


def shade(fraction: float) -> int:
    """Index into `SCALE` of a fraction in [0, 1]."""
    return min(int(fraction * len(SCALE)), len(SCALE) - 1)


def ink(background: str) -> str:
    """The better readable of black and white on `background` (#rrggbb)."""
    return max(_INKS, key=lambda colour: contrast(colour, background))


def contrast(one: str, two: str) -> float:
    """Contrast ratio of two colours (#rrggbb), from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

"""Published results under each protocol, for comparison with ours, each with its source and how sure it is.

trust: "read" in the text or code of a paper that states it; "reported" by a survey, a note or another repository's
table, or of unknown origin; "remembered", not verified by anyone here. In percent. Papers differ in prompts, training
views, resolution and re-runs; differences below one or two points mean nothing, and rows of different sources should
not be ranked against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trust = Literal["read", "reported", "remembered"]
"""Certainty of a number, see above."""


@dataclass(frozen=True)
class Published:
    """Figures of one method."""

    method: str
    """Name of the method."""
    figures: dict[str, float]
    """Figures in percent, by their names in `Protocol.figures`."""
    source: str
    """Text that states the figures."""
    trust: Trust
    """Certainty of the figures."""
    scenes: dict[str, float] | None = None
    """Figure "miou" of single scenes, if the source has them."""
    prompt: str = "text"
    """Kind of prompt."""


OBJECTGS = "ObjectGS (arXiv 2507.15454)"
OPENVOXEL = "OpenVoxel table 3"


def published_of(protocol: str) -> tuple[Published, ...]:
    """Return the published numbers for a protocol's name; empty if there are none."""
    return TABLES.get(protocol, ())


def _mask(
    method: str,
    mean: tuple[float, float | None],
    source: str,
    trust: Trust = "reported",
    scenes: tuple[float, float, float] | None = None,
    prompt: str = "text",
) -> Published:
    figures = {"miou": mean[0]} | ({} if mean[1] is None else {"mbiou": mean[1]})
    names = ("figurines", "ramen", "teatime")
    return Published(method, figures, source, trust, dict(zip(names, scenes, strict=True)) if scenes else None, prompt)


def _ovs(method: str, mean: float, scenes: tuple[float, ...], source: str = f"{OBJECTGS} table 4") -> Published:
    names = ("bed", "bench", "room", "sofa", "lawn")
    return Published(method, {"miou": mean}, source, "read", dict(zip(names, scenes, strict=True)))


def _direct(method: str, miou: float, acc25: float | None, source: str, trust: Trust = "read") -> Published:
    return Published(method, {"miou": miou} | ({} if acc25 is None else {"acc25": acc25}), source, trust)


def _one(method: str, miou: float, source: str, trust: Trust = "reported", prompt: str = "text") -> Published:
    return Published(method, {"miou": miou}, source, trust, None, prompt)


SURVEY = "surveys, later papers"
UNNAMED = "its paper or a later one"
"""Read in a primary text, but the notes do not name it."""

TABLES: dict[str, tuple[Published, ...]] = {
    "lerf-mask": (
        _mask("SA3D", (24.9, 23.3), f"{OBJECTGS} table 1", "read", (24.9, 7.4, 42.5)),
        _mask("LERF", (37.1, 29.3), f"{OBJECTGS} table 1", "read", (33.5, 28.3, 49.7)),
        _mask("DEVA", (52.4, 49.5), f"{OBJECTGS} table 1; {OPENVOXEL}", "read", (46.2, 56.8, 54.3)),
        _mask("LangSplat", (57.6, 53.6), f"{OBJECTGS} table 1", "read", (52.8, 50.4, 69.5)),
        _mask("Gaussian Grouping", (72.8, 67.6), f"{OBJECTGS} table 1", "read", (69.7, 77.0, 71.7)),
        _mask("Gaga", (74.7, 72.2), "weijielyu/Gaga issue 13", "read", (90.7, 64.1, 69.3)),
        _mask("OmniSeg3D-GS", (74.7, 71.8), SURVEY),
        _mask("FlashSplat", (76.5, 73.1), SURVEY, scenes=(71.6, 71.4, 86.6)),
        _mask("GradiSeg", (78.1, 73.9), SURVEY, scenes=(81.3, 78.5, 74.4)),
        _mask("CGC (the method of `paper` here)", (80.3, 76.9), "none", "remembered", (91.6, 68.7, 80.5)),
        _mask("Unified-Lift", (80.9, 77.1), SURVEY),
        _mask("OpenSplat3D", (84.0, None), SURVEY),
        _mask("B3-Seg", (84.5, 81.0), SURVEY, scenes=(88.3, 75.3, 89.8)),
        _mask("OpenVoxel", (87.2, 81.4), OPENVOXEL, "read", (90.8, 84.9, 85.8)),
        _mask("ObjectGS", (88.4, 84.6), f"{OBJECTGS} table 1", "read", (88.2, 88.0, 88.9)),
        _mask("Click-Gaussian, coarse", (89.1, None), SURVEY, prompt="click"),
        _mask("Seed2GS, true seed mask + 0.7", (92.1, 88.6), "summary of arXiv 2608.11928"),
    ),
    "3d-ovs": (
        _ovs("3D-OVS", 86.8, (89.5, 89.3, 92.8, 88.2, 74.0)),
        _ovs("LangSplat (own paper: 93.4)", 73.0, (77.8, 77.3, 58.4, 60.2, 90.9)),
        _ovs("Gaussian Grouping", 89.1, (64.5, 95.6, 96.4, 91.3, 97.0)),
        _ovs("LBG", 94.9, (97.7, 96.3, 95.9, 87.4, 97.3)),
        _ovs("SAGA", 96.0, (97.4, 95.4, 96.8, 93.5, 96.6)),
        _ovs("ObjectGS", 96.4, (98.0, 96.4, 95.1, 95.4, 97.2)),
    ),
    "lerf-ovs": (
        _direct("LangSplat", 9.7, 12.4, UNNAMED),
        _direct("LEGaussians", 16.2, 23.8, UNNAMED),
        _direct("OpenGaussian", 38.4, 51.4, UNNAMED),
        _direct("Dr.Splat", 43.6, 63.9, UNNAMED),
        _direct("InstanceGaussian", 45.3, 58.4, UNNAMED),
        _direct("LightSplat", 47.6, 68.3, SURVEY, "reported"),
        _direct("COS3D", 50.8, 72.1, UNNAMED),
        _direct("THGS", 54.9, None, SURVEY, "reported"),
        _direct("PairGS", 60.4, 79.6, SURVEY, "reported"),
        _direct("LaGa (52.2 in PairGS's table)", 64.0, None, SURVEY, "reported"),
        _direct("GaussDet, class names known when lifting", 69.9, None, SURVEY, "reported"),
    ),
    "lerf-ovs-2d": (
        _one("LangSplat", 51.4, SURVEY),
        _one("LangSplatV2", 59.9, SURVEY),
        _one("SAGA", 61.2, UNNAMED, "read"),
        _one("Occam's LGS", 61.3, SURVEY),
        _one("LUDVIG", 62.3, UNNAMED, "read"),
        _one("CCL-LGS", 65.1, SURVEY),
        _one("SAD-GS", 68.8, SURVEY),
        _one("VCAR", 75.1, UNNAMED, "read"),
    ),
    "nvos": (
        _one("SA3D", 90.3, SURVEY, prompt="scribbles"),
        _one("SAGD (72.1 in GaussianCut's table)", 90.4, "VCAR", "read", "scribbles"),
        _one("SAGA (92.6 in AAAI's version)", 90.9, SURVEY, prompt="scribbles"),
        _one("OmniSeg3D-GS", 91.7, SURVEY, prompt="scribbles"),
        _one("FlashSplat", 91.8, SURVEY, prompt="scribbles"),
        _one("COB-GS", 92.1, SURVEY, prompt="scribbles"),
        _one("LUDVIG", 92.4, SURVEY, prompt="scribbles"),
        _one("GaussianCut", 92.5, SURVEY, prompt="scribbles"),
        _one("SAGOnline", 92.7, UNNAMED, "read", "scribbles"),
        _one("VCAR, 7 of the 8 tasks", 93.5, "VCAR", "read", "scribbles"),
        _one("ArtisanGS", 94.1, SURVEY, prompt="scribbles"),
    ),
    "spin-nerf": (
        _one("SAGD", 90.0, SURVEY, prompt="mask"),
        _one("SA3D", 92.4, SURVEY, prompt="mask"),
        _one("GaussianCut", 92.9, SURVEY, prompt="mask"),
        _one("LUDVIG", 93.8, SURVEY, prompt="mask"),
        _one("Click-Gaussian", 94.0, SURVEY, prompt="mask"),
        _one("OmniSeg3D-GS (to 95.2)", 94.3, SURVEY, prompt="mask"),
        _one("SAGOnline", 95.2, UNNAMED, "read", "mask"),
    ),
}

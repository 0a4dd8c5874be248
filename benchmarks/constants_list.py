"""Numeric constants of the rooms votes, features/lift, borders, cluster and select: chosen on scenes, or not.

`CHOSEN` are those whose value was found by looking at scenes, each with a grid of values round the product's and the
figures (`votes_figures.FIGURES`) that it moves; those of borders, AGAINST and AGAINST_LEVEL
count with masks named `proposals` alone. `DERIVED` are all others, with the reason why no scene decides them.
tests/benchmarks/test_constants.py holds both lists to the code.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Constant:
    """A number of the product that was chosen on scenes."""

    place: str
    """`module:name` under splatseg, or `module:function.argument` for the default of an argument (`Class.field` for
    that of a field of settings)."""
    values: tuple[float, ...]
    """Values that are tried beside the product's."""
    figures: tuple[str, ...] = ("segments",)
    """Figures that it moves; their mean decides."""
    stage: str = "segments"
    """First stage that it changes: votes, segments (from features on) or prompts."""
    more: tuple[str, ...] = ()
    """Other places that hold the same number."""

    @property
    def value(self) -> float:
        """The product's value, or the one that is set."""
        return float(_read(self.place))

    @contextmanager
    def set(self, value: float) -> Iterator[None]:
        """Give the product another value while the context lasts."""
        usual = {place: _read(place) for place in (self.place, *self.more)}
        try:
            for place, own in usual.items():
                _write(place, type(own)(value))
            yield
        finally:
            for place, own in usual.items():
                _write(place, own)


CHOSEN = (
    Constant("cluster.merge_by_support:PRIOR", (0.1, 0.15, 0.25, 0.3)),
    Constant("cluster.merge_by_support:TIE", (0.0, 1e-4, 1e-2)),
    Constant("cluster.merge_by_support:SLOPE", (5.0, 7.0, 12.0, 16.0), ("segments", "level")),
    Constant("cluster.merge_by_support:AGAINST", (0.0, 0.4, 1.2, 1.6)),
    Constant("cluster.merge_by_support:AGAINST_LEVEL", (0.0, 0.2, 0.8, 1.2)),
    Constant("borders.atoms:ATOMS", (400, 800, 1600, 2400)),
    Constant("borders.atoms:MASS_EXPONENT", (0.0, 0.15, 0.5, 1.0)),
    Constant("borders.atoms:PRIOR_HEIGHT", (0.1, 0.2, 0.5)),
    Constant("borders.between:CONTACT_HEIGHT", (0.1, 0.3, 0.5)),
    Constant("borders.between:JOIN_HEIGHT", (0.1, 0.4, 0.5)),
    Constant("cluster.finer_cut:MASS_EXPONENT", (0.6, 0.7, 0.9, 1.0)),
    Constant("cluster.finer_cut:SPREAD", (0.2, 0.3, 0.6, 1.0)),
    Constant("cluster.finer_cut:COVER_SIMILARITY", (0.95, 0.96, 0.98, 0.985)),
    Constant("cluster.cut_by_support:supported_cut.exponent", (0.4, 0.6, 0.65, 0.8)),
    Constant("cluster.components:LEAST_CONTACTS", (1, 2, 5, 8)),
    Constant("cluster.components:NEIGHBOURS", (6, 8, 16, 24)),
    Constant("cluster.components:GAP_FACTOR", (2.0, 3.0, 6.0, 8.0)),
    Constant("cluster.components:REACH_FACTOR", (1.0, 1.5, 3.0, 4.0)),
    Constant("cluster.settings:ClusterSettings.cover_similarity", (0.97, 0.98, 0.99, 0.993)),
    Constant("cluster.settings:ClusterSettings.min_share", (1e-5, 2e-5, 1e-4, 2e-4)),
    Constant("cluster.settings:ClusterSettings.min_count", (5, 10, 40, 80)),
    Constant("cluster.settings:ClusterSettings.split_share", (0.01, 0.02, 0.1, 0.2)),
    Constant("features.lift.settings:EmbedSettings.dimensions", (32, 48, 96, 128)),
    Constant("features.lift.settings:EmbedSettings.spread", (0.05, 0.07, 0.14, 0.2)),
    Constant("features.lift.settings:EmbedSettings.max_power", (14.0, 20.0, 40.0)),
    Constant("features.lift.settings:EmbedSettings.min_mask_votes", (4.0, 8.0, 32.0, 64.0)),
    Constant("features.lift.settings:EmbedSettings.min_component_views", (1, 2, 4, 5)),
    Constant("features.lift.settings:EmbedSettings.min_edge_share", (0.01, 0.025, 0.1, 0.2)),
    Constant("features.lift.embed:CLEAR_GAP", (0.6, 0.7, 0.8, 0.85)),
    Constant("votes.agreement:EVIDENCE", (0.0, 3.0, 12.0, 24.0)),
    Constant("votes.agreement:MASKED", (0.0, 0.05, 0.2, 0.3), ("segments", "mask")),
    Constant("votes.agreement:SHARPNESS", (2.0, 3.0, 6.0, 8.0), ("mask", "box")),
    Constant("votes.votes:WEIGHT_FLOOR", (0.0, 1e-4, 1e-2), stage="votes"),
    Constant("votes.votes:SHARE_FLOOR", (0.0, 1e-3, 4e-3, 1e-2), stage="votes"),
    Constant("select.mask_prompt:KEPT", (0.0, 0.7, 0.9), ("mask",), "prompts"),
    Constant("select.mask_prompt:ERRORS", (1.0, 1.5, 3.0, 4.0), ("mask",), "prompts"),
    Constant("select.threshold:PLATEAU", (0.0, 0.002, 0.01, 0.02), ("mask",), "prompts"),
    Constant(
        "select.match:Match.tidy.min_share",
        (0.01, 0.02, 0.1, 0.2),
        ("mask", "box"),
        "prompts",
        ("select.session:Session.tidy.min_share",),
    ),
    Constant("select.box_prompt:DIFFERENT", (0.6, 0.7, 0.9, 0.95), ("box",), "prompts"),
    Constant("select.box_prompt:GAIN", (0.0, 0.05, 0.2, 0.4), ("box",), "prompts"),
    Constant("select.box_prompt:SLACK", (0.0, 0.1, 0.3, 0.5), ("box",), "prompts"),
    Constant("select.box_prompt:OUTLIERS", (0.0, 0.002, 0.01, 0.02), ("box",), "prompts"),
    Constant("select.levels:SAME", (0.8, 0.85, 0.95), ("level",), "prompts"),
    Constant("select.levels:JUNK", (0.7, 0.8, 0.95, 1.0), ("level",), "prompts"),
    Constant("select.click_prompt:GROWTH", (1.05, 1.1, 1.25, 1.5), ("alone",), "prompts"),
    Constant("select.click_prompt:AGREEMENT", (0.6, 0.7, 0.9, 1.0), ("unvoted",), "prompts"),
    Constant("select.seen:NEIGHBOURHOOD", (0, 1, 4), ("alone",), "prompts"),
    Constant("select.seen:SAME_SURFACE", (0.8, 0.95, 0.98), ("alone",), "prompts"),
)

DERIVED = {
    "borders.atoms:PRIOR_WEIGHT": "half a pixel: what hardly any view sees follows the prior",
    "borders.atoms:SPECK": "of what floats apart: it joins the nearest atom",
    "borders.atoms:UNSEEN": "pixels over all views: what hardly any view sees joins the nearest atom",
    "borders.between:CONTACT_WEIGHT": "half a pixel: what hardly any view sees follows the prior",
    "borders.between:JOIN_WEIGHT": "four pairs of pixels: what hardly any view sees follows the prior",
    "borders.between:LEAST": "light that leaks, as votes.votes:WEIGHT_FLOOR",
    "cluster.components:drop_small_pieces.min_share": "given by its callers",
    "cluster.components:DISTANCES_KEPT": "memory",
    "cluster.coreset:BATCH": "time",
    "cluster.coreset:ROWS_A_SUM": "rounding",
    "cluster.cut_by_support:MASS_EXPONENT": "measured as the default of supported_cut",
    "cluster.mask_fit:FITS": "decides a warning and no segment",
    "cluster.merge_by_similarity:RANGE": "without votes only: granularity's unit",
    "cluster.settings:ClusterSettings.distance": "without votes only",
    "cluster.settings:ClusterSettings.granularity": "the user's wish; 1/2 is where a merge is as likely as not",
    "cluster.settings:ClusterSettings.max_prototypes": "time and memory",
    "cluster.settings:ClusterSettings.seed": "a seed",
    "features.lift.settings:EmbedSettings.seed": "a seed",
    "features.lift.spectrum:FIRST_ROWS": "time",
    "features.lift.spectrum:MAX_ITERATIONS": "time, reached by no scene",
    "features.lift.spectrum:SPARE_VECTORS": "time",
    "features.lift.spectrum:TOLERANCE": "accuracy of singular values",
    "select.along_hierarchy:SLIVER": "decides steps of growing, no figure here",
    "select.box_prompt:MAX_LOOKS": "time",
    "select.box_prompt:MAX_PIXELS": "time",
    "cluster.merge_by_support:LAST": "more than gains of any two pairs differ",
    "select.doubts:MET": "half: decides a sentence and no selection",
    "select.prompt:OUTLINE": "points along a side that a lens bends: more move no corner by a pixel",
    "select.levels:DOUBT": "decides a sentence and no selection",
    "select.mask_prompt:CHANGES": "time",
    "select.threshold:CHANNELS_A_PASS": "memory",
    "select.unwanted:BRUSH": "unwanted prompts, no figure here",
    "select.unwanted:SPARED": "unwanted prompts, no figure here",
    "select.unwanted:USUAL": "unwanted prompts: the usual granularity",
    "votes.agreement:CORRECTIONS": "nothing changes after them",
    "votes.agreement:GOOD_OVERLAP": "half: two masks of one layer cannot both be better",
    "votes.file:MOST_LAYERS": "a bound of the file format",
    "votes.file:MOST_SOURCES": "a bound of the file format",
    "votes.gathering:IN_MEMORY": "memory",
    "votes.gathering:ROWS_A_BLOCK": "memory",
    "votes.products:ROWS_COPIED": "memory",
}
"""Why a constant is not chosen on scenes, by its place."""


def _resolved(place: str) -> tuple[ModuleType | Callable[..., Any], str]:
    """The module, function or method that holds a number, and the number's name in it."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(f"splatseg.{module}")
    *names, last = path.split(".")
    for name in names:
        owner = getattr(owner, name)
    return (owner.__init__ if inspect.isclass(owner) else owner), last


def _read(place: str) -> Any:
    owner, name = _resolved(place)
    return getattr(owner, name) if inspect.ismodule(owner) else inspect.signature(owner).parameters[name].default


def _write(place: str, value: Any) -> None:
    owner, name = _resolved(place)
    if inspect.ismodule(owner):
        setattr(owner, name, value)
        return
    assert not inspect.ismodule(owner), "a function"
    if name in (owner.__kwdefaults__ or {}):
        owner.__kwdefaults__[name] = value
        return
    # The defaults are those of the last positional arguments.
    code = owner.__code__
    arguments = code.co_varnames[: code.co_argcount]
    defaults = list(owner.__defaults__ or ())
    defaults[arguments.index(name) - len(arguments)] = value
    owner.__defaults__ = tuple(defaults)

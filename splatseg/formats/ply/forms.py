"""Facts that only all rows of a PLY file, or of the parts of a splat, together tell; found in passes over its rows.

    of 255   floats of colours, and of a column "alpha", if any is above `BRIGHTEST`
    world    of doubles: median max|x| eps > `COARSEST` exp(median log scale), eps of float32, calls for a world around
             all positions (`cameras.coordinates`)

Medians are exact and need no memory of the length of the file (`splats.ranks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from splatseg.cameras.coordinates import OWN, Coordinates, coordinates_at
from splatseg.errors import SplatFileError
from splatseg.formats.ply.columns import ALPHA, COLOR, are_of_255, opacity_name
from splatseg.formats.ply.table import Forms, PlyTable, doubles_of
from splatseg.splats.ranks import median, of_rank, quantiles

COARSEST = 0.01
"""Share of the median standard deviation of the Gaussians by which float32 may round positions; no picture shows it."""

STEP = 1 << 16
"""Rows looked at in one go."""


def forms_of(tables: Sequence[PlyTable]) -> Forms:
    """Return the forms of the parts of a splat, one or more. Raises SplatFileError if their worlds differ."""
    worlds = {table.world for table in tables}
    if len(worlds) > 1:
        other = next(table.path for table in tables if table.world != tables[0].world)
        raise SplatFileError(
            f"{other} is in another world than {tables[0].path} (comment 'splatseg world' in both); export "
            "both in one run"
        )
    world = tables[0].world
    moved_to = None if world is not None or not all(table.doubles for table in tables) else _world(tables)
    return Forms(
        bright_colors=any(table.in_rgb and _of_255(table, COLOR) for table in tables),
        bright_opacities=any(opacity_name(table.names) == ALPHA and _of_255(table, (ALPHA,)) for table in tables),
        coordinates=world or moved_to or OWN,
        moved=moved_to is not None,
    )


def steps(table: PlyTable) -> Iterator[np.ndarray]:
    """Yield the rows of a table, `STEP` at once."""
    for begin in range(0, table.body.count, STEP):
        yield table.body.rows(begin, min(begin + STEP, table.body.count))


def _of_255(table: PlyTable, names: tuple[str, ...]) -> bool:
    return table.body.dtype[names[0]].kind == "f" and any(are_of_255(body, names) for body in steps(table))


def _world(tables: Sequence[PlyTable]) -> Coordinates | None:
    """Return the coordinates of a world that doubles need; None if float32 is fine enough for them."""

    def finite() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for table in tables:
            for body in steps(table):
                means = doubles_of(body)
                inside = np.isfinite(means).all(1)
                yield means[inside], table.log_scales(body)[inside]

    if not coarse(finite):
        return None
    return coordinates_at(*middle_and_size(lambda: (means for means, _ in finite())))


def middle_and_size(positions: Callable[[], Iterator[np.ndarray]]) -> tuple[np.ndarray, float]:
    """Return the median (3,) of finite positions, in batches (n,3) float64, and twice the 0.9 quantile of distances."""
    middle = median(positions)
    distances = quantiles(lambda: (np.linalg.norm(batch - middle, axis=1)[:, None] for batch in positions()), [0.9])
    return middle, 2.0 * float(distances[0, 0])


def coarse(batches: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]) -> bool:
    """Tell whether float32 is too coarse for finite positions (n,3) of Gaussians with log scales (n,3), in batches."""
    count, known = 0, True
    for means, log_scales in batches():
        count += len(means)
        known = known and not np.isnan(log_scales).any()
    if not count or not known:
        return False
    farthest = median(lambda: (np.abs(means).max(1)[:, None] for means, _ in batches()), count)
    rounded = float(farthest[0]) * float(np.finfo(np.float32).eps)
    typical = float(of_rank(lambda: (logs.reshape(-1, 1) for _, logs in batches()), [(3 * count - 1) // 2])[0, 0])
    return rounded > COARSEST * math.exp(typical)


def are_coarse(means: np.ndarray, log_scales: np.ndarray) -> bool:
    """Tell whether float32 is too coarse for positions (N,3) of Gaussians with log scales (N,3), in memory."""
    if not len(means):
        return False
    rounded = float(np.median(np.abs(means).max(1))) * float(np.finfo(np.float32).eps)
    middle = (log_scales.size - 1) // 2
    typical = float(np.partition(log_scales, middle, axis=None)[middle])
    return rounded > COARSEST * math.exp(typical) and not np.isnan(log_scales).any()

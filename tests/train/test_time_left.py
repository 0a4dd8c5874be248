"""The time left of a fit, on recorded fits whose Gaussians grow and whose images turn to their full size."""

from __future__ import annotations

import dataclasses

import pytest

from splatseg.train.settings import TrainSettings
from splatseg.train.time_left import TimeLeft

# fmt: off
DEMO = [
    (10, 0.10, 12003), (30, 0.30, 12003), (50, 0.51, 12003), (70, 0.72, 12003), (90, 0.94, 12003),
    (110, 1.20, 21142), (130, 1.47, 21142), (150, 1.73, 21142), (170, 2.00, 21142), (190, 2.29, 21142),
    (210, 2.62, 28651), (230, 3.00, 28651), (250, 3.39, 28651), (270, 3.76, 28651), (290, 4.12, 28651),
    (310, 4.63, 38381), (330, 5.29, 38381), (350, 5.94, 38381), (370, 6.59, 38381), (390, 7.24, 38381),
    (410, 7.91, 40000), (430, 8.49, 40000), (450, 9.08, 40000), (470, 9.66, 40000), (490, 10.34, 40000),
    (510, 11.05, 40000), (530, 11.66, 40000), (550, 12.30, 40000), (570, 12.94, 40000), (590, 13.55, 40000),
    (610, 14.18, 40000), (630, 14.80, 40000), (650, 15.42, 40000), (670, 16.05, 40000), (690, 16.66, 40000),
    (710, 17.27, 40000), (730, 17.90, 40000), (750, 18.51, 40000), (770, 19.12, 40000), (790, 19.73, 40000),
    (800, 20.04, 40000),
]
"""Reports (step, seconds of processor time, Gaussians) of a fit of the embedded capture as `splatseg demo` does it."""

KITCHEN = [
    (10, 0.39, 3171), (20, 0.77, 3171), (30, 1.18, 3171), (40, 1.59, 3171), (50, 2.01, 3171), (60, 2.43, 3171),
    (70, 2.85, 3171), (80, 3.30, 3171), (90, 3.73, 3171), (100, 4.19, 4771), (110, 4.62, 4771), (120, 5.07, 4771),
    (130, 5.55, 4771), (140, 6.00, 4771), (150, 6.46, 4771), (160, 6.88, 4771), (170, 7.30, 4771),
    (180, 7.71, 4771), (190, 8.16, 4771), (200, 8.59, 7717), (210, 9.02, 7717), (220, 9.46, 7717),
    (230, 10.47, 7717), (240, 11.48, 7717), (250, 12.46, 7717), (260, 13.49, 7717), (270, 14.47, 7717),
    (280, 15.45, 7717), (290, 16.51, 7717), (300, 17.52, 7717),
]
"""The same of 300 steps on photographs of 1000x667 pixels."""
# fmt: on

FITS = {
    "demo": (DEMO, TimeLeft(dataclasses.replace(TrainSettings().scaled(800), max_gaussians=40_000), 320 * 240)),
    "kitchen": (KITCHEN, TimeLeft(TrainSettings().scaled(300), 1000 * 667)),
}


@pytest.mark.parametrize("name", FITS)
def test_the_time_left_of_a_fit_is_told_from_its_second_report_on(name: str) -> None:
    reports, estimator = FITS[name]
    end = reports[-1][1]
    told, linear = [], []
    for done in range(2, len(reports) - 1):
        step, seconds, _ = reports[done - 1]
        found = estimator.seconds(reports[:done])
        assert found is not None
        told.append(found / (end - seconds))
        linear.append(seconds / step * (reports[-1][0] - step) / (end - seconds))
    assert max(told) < 1.65 and min(told) > 1 / 1.3
    assert min(linear) < 0.45, "as if all steps took as long, which is the mistake that this mends"


def test_there_is_no_estimate_before_two_reports_and_nothing_is_left_at_the_end() -> None:
    reports, estimator = FITS["demo"]
    assert estimator.seconds(reports[:1]) is None
    assert estimator.seconds([(10, 1.0, 5), (20, 1.0, 5)]) is None, "a clock that stands tells nothing"
    assert estimator.seconds(reports) == 0.0


def test_gaussians_are_foreseen_up_to_the_limit_and_never_fewer() -> None:
    _, estimator = FITS["demo"]
    assert estimator.foreseen([(10, 1000)], 90) == 1000, "growth begins later"
    assert estimator.foreseen([(10, 1000)], 250) == pytest.approx(1000 * 1.5**2)
    assert estimator.foreseen([(10, 1000), (110, 2000)], 250) == pytest.approx(4000)
    assert estimator.foreseen([(10, 1000), (110, 30_000)], 790) == 40_000
    assert estimator.foreseen([(10, 1000), (110, 500)], 790) == 500
    assert estimator.foreseen([(10, 90_000)], 790) == 90_000, "a limit that is passed already is none"


def test_a_slower_machine_is_noticed() -> None:
    _, estimator = FITS["demo"]
    even = [(step, step / 100, 40_000) for step in range(10, 710, 10)]
    slow = [(step, 7.1 + (step - 710) / 10, 40_000) for step in range(710, 770, 10)]
    told = estimator.seconds([*even, *slow])
    assert told is not None and told > 1.5 * (800 - 760) / 100

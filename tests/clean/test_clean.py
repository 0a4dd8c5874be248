"""Floaters that are put into a scene go, for the right reason, and the things of the scene stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.clean.evidence import Evidence, Seen, gather_evidence, rendered_of
from splatseg.clean.judge import Judgement, held_by_segments, judge
from splatseg.clean.reasons import Reason, count_by_reason, describe_reasons, reasons_of_words
from splatseg.segments.segment import describe_segments
from splatseg.splats.splats import Splats

CAMERAS = ring(8, width=72, height=48, focal=60.0)

Floater = tuple[tuple[float, float, float], tuple[float, float, float], float]
"""Place, scales, opacity."""


def with_floaters(*floaters: Floater) -> Splats:
    """The three things, 360 Gaussians, and floaters behind them in order."""
    splats, _ = things(each=120)
    count = len(floaters)
    places, scales, opacities = (torch.tensor(values, dtype=torch.float32) for values in zip(*floaters, strict=True))
    return Splats(
        torch.cat([splats.means, places]),
        torch.cat([splats.quats, splats.quats[:1].repeat(count, 1)]),
        torch.cat([splats.log_scales, scales.log()]),
        torch.cat([splats.opacity_logits, torch.logit(opacities)]),
        torch.zeros(len(splats) + count, 3),
        torch.zeros(len(splats) + count, 0, 3),
    )


def before_camera(distance: float) -> tuple[float, float, float]:
    """The point at a distance before the first camera."""
    x, y, z = CAMERAS[0].position + distance * CAMERAS[0].viewmat[2, :3]
    return float(x), float(y), float(z)


ROUND = (0.01, 0.01, 0.01)
FLOATERS: dict[Reason, Floater] = {
    Reason.WEAK: ((0.1, 0.1, 0.1), ROUND, 0.004),
    Reason.ALONE: ((0.0, 0.6, 0.3), ROUND, 0.01),
    Reason.NEAR: (before_camera(0.1), ROUND, 0.9),
    Reason.NEEDLE: ((0.0, -0.5, 0.0), (3.0, 0.001, 0.001), 0.004),
    Reason.OUTSIDE: ((0.0, 900.0, 0.0), ROUND, 0.9),
}


@pytest.mark.parametrize("reason", FLOATERS)
def test_a_floater_goes_for_its_reason_and_the_things_stay(reason: Reason) -> None:
    splats = with_floaters(FLOATERS[reason])
    # At full strength also what is hidden within the things is weak.
    judgement = judge(gather_evidence(splats, CAMERAS), 0.5 if reason == Reason.WEAK else 1.0, wanted=reason)
    assert judgement.gone[-1]
    assert not judgement.gone[:-1].any()


def test_all_floaters_go_together_at_the_usual_strength_but_the_needle_that_is_seen() -> None:
    splats = with_floaters(*FLOATERS.values(), ((0.0, 0.2, 0.0), (2.0, 0.001, 0.001), 0.9))
    gone = judge(gather_evidence(splats, CAMERAS)).gone
    assert gone[360] and gone[362] and gone[364]
    assert not gone[:360].any()
    assert not gone[-1]


def test_a_file_without_cameras_loses_what_is_faint_alone_and_a_needle() -> None:
    faint: Floater = ((0.1, 0.1, 0.1), (0.09, 0.09, 0.09), 0.004)
    far: Floater = ((0.0, 900.0, 0.0), ROUND, 0.9)
    needle: Floater = ((0.0, -0.5, 0.0), (20.0, 0.001, 0.001), 0.9)
    judgement = judge(gather_evidence(with_floaters(faint, far, needle)), 1.0)
    assert judgement.reasons[360] == Reason.WEAK
    assert judgement.reasons[361] == Reason.ALONE | Reason.OUTSIDE
    assert judgement.reasons[362] == Reason.NEEDLE
    assert not judgement.gone[:360].any()


def test_a_sky_that_hangs_together_stays_in_a_file() -> None:
    directions = np.random.default_rng(0).normal(size=(100, 3))
    directions *= 100.0 / np.linalg.norm(directions, axis=1, keepdims=True)
    sky: list[Floater] = [((float(x), float(y), float(z)), (20.0, 20.0, 20.0), 0.9) for x, y, z in directions]
    evidence = gather_evidence(with_floaters(*sky))
    assert (evidence.far[360:] > 10).all()
    assert not judge(evidence, 1.0).gone.any()


def test_the_weakest_strength_takes_only_what_no_view_sees() -> None:
    splats = with_floaters(*FLOATERS.values(), ((0.0, 0.0, 30.0), ROUND, 0.9))
    evidence = gather_evidence(splats, CAMERAS)
    assert evidence.seen is not None
    gone = judge(evidence, 0.0).gone
    assert gone.any()
    assert (evidence.seen.light[gone] == 0).all()


def test_of_these_floaters_a_greater_strength_takes_all_that_a_smaller_one_takes() -> None:
    evidence = gather_evidence(with_floaters(*FLOATERS.values()), CAMERAS)
    before = np.zeros(len(evidence), dtype=bool)
    for strength in (0.0, 0.2, 0.5, 0.8, 1.0):
        gone = judge(evidence, strength).gone
        assert not (before & ~gone).any()
        before = gone


def test_finding_changes_nothing() -> None:
    splats = with_floaters(*FLOATERS.values())
    copies = [tensor.clone() for tensor in splats.geometry]
    judge(gather_evidence(splats, CAMERAS), 1.0)
    for tensor, copy in zip(splats.geometry, copies, strict=True):
        assert torch.equal(tensor, copy)


def test_a_segment_of_high_confidence_keeps_what_lies_in_its_box() -> None:
    splats = with_floaters(((-0.7, 0.0, 0.0), ROUND, 0.004), ((0.7, 0.0, 0.0), ROUND, 0.004), FLOATERS[Reason.OUTSIDE])
    ids = torch.from_numpy(np.concatenate([np.repeat([1, 2, 3], 120), [1, 2, 1]])).int()
    rows = describe_segments(splats.replace(segment_ids=ids), confidences={1: 0.8, 2: 0.6})
    held = held_by_segments(splats.own_positions, ids.numpy(), rows)
    assert held[360] and not held[361] and not held[362], "sure and inside; not sure; sure and far from its box"
    judgement = judge(gather_evidence(splats, CAMERAS), 0.5, held)
    assert judgement.gone[360:].tolist() == [False, True, True]
    assert judgement.spared == 1
    assert judgement.describe()[-1] == "1 more kept, which segments of high confidence hold"


def test_what_hangs_before_a_camera_goes_even_if_a_segment_holds_it() -> None:
    near = evidence_of(10, near=first(10, 0.1, 1.0), views=first(10, 1.0, 8.0))
    judgement = judge(near, held=np.ones(10, dtype=bool))
    assert judgement.reasons.tolist() == [Reason.NEAR] + [0] * 9
    assert judgement.spared == 0


def evidence_of(count: int, **changes: np.ndarray) -> Evidence:
    """Evidence on Gaussians of which nothing is odd."""
    usual = Seen(
        light=np.full(count, 1.0),
        views=np.full(count, 8.0),
        looked=np.full(count, 10, dtype=np.int32),
        near=np.full(count, 1.0, dtype=np.float32),
        pixel=np.full(count, 0.01, dtype=np.float32),
        unknown=np.zeros(count, dtype=bool),
    )
    seen = Seen(**(vars(usual) | {name: changes.pop(name) for name in list(changes) if name in vars(usual)}))
    own = {
        "opacities": np.ones(count, dtype=np.float32),
        "pieces": np.full(count, count, dtype=np.int64),
        "far": np.ones(count),
        "slender": np.ones(count),
    }
    return Evidence(**(own | changes), seen=seen)


def first(count: int, value: float, rest: float) -> np.ndarray:
    """An array whose first entry differs from the rest."""
    values = np.full(count, rest)
    values[0] = value
    return values


def test_one_of_many_views_is_few_and_one_of_two_is_not() -> None:
    views, faint = first(1000, 1.0, 8.0), first(1000, 0.01, 1.0)
    assert judge(evidence_of(1000, views=views, light=faint), wanted=Reason.FEW).reasons[0] == Reason.FEW
    looked = first(1000, 2, 10).astype(np.int32)
    assert not judge(evidence_of(1000, views=views, light=faint, looked=looked), wanted=Reason.FEW).gone.any()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("views", 1.0, Reason.FEW),
        ("slender", 1e6, Reason.NEEDLE),
        ("pieces", 1, Reason.ALONE),
        ("far", 1e3, Reason.OUTSIDE),
    ],
)
def test_what_gives_much_light_stays_however_odd_it_is(name: str, value: float, reason: Reason) -> None:
    odd = first(1000, value, {"pieces": 1000, "views": 8.0}.get(name, 1.0))
    assert not judge(evidence_of(1000, **{name: odd}), 1.0).gone.any()
    faint = evidence_of(1000, **{name: odd}, light=first(1000, 0.01, 1.0))
    assert judge(faint, 1.0, wanted=reason).gone.tolist() == [True] + [False] * 999


def test_what_only_views_that_were_not_rendered_may_see_is_not_taken_for_unseen() -> None:
    light, looked = first(1000, 0.0, 1.0), first(1000, 0, 10).astype(np.int32)
    assert judge(evidence_of(1000, light=light, looked=looked), 0.0).gone[0]
    unknown = first(1000, 1, 0).astype(bool)
    assert not judge(evidence_of(1000, light=light, looked=looked, unknown=unknown), 1.0).gone.any()


def test_a_place_that_no_rendered_view_sees_is_looked_for_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splatseg.clean.evidence.WORK", 0)
    monkeypatch.setattr("splatseg.clean.evidence.LEAST_VIEWS", 1)
    beside = tuple(2.0 * value for value in CAMERAS[0].position)  # behind the first camera, before the one across
    splats = with_floaters(((float(beside[0]), float(beside[1]), float(beside[2])), ROUND, 0.9))
    evidence = gather_evidence(splats, CAMERAS)
    assert evidence.seen is not None
    assert evidence.seen.unknown.tolist() == [False] * 360 + [True]
    assert rendered_of(CAMERAS, 360) == CAMERAS[:1]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=r"strength must be in 0\.\.1"):
        judge(evidence_of(3), strength)


def test_an_empty_splat_has_no_floaters() -> None:
    splats = things()[0].subset(torch.zeros(120, dtype=torch.bool))
    assert judge(gather_evidence(splats)).gone.shape == (0,)
    assert judge(gather_evidence(splats, CAMERAS)).gone.shape == (0,)


def test_the_evidence_is_the_same_for_any_number_of_threads() -> None:
    splats, before = with_floaters(*FLOATERS.values()), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            evidence = gather_evidence(splats, CAMERAS)
            assert evidence.seen is not None
            found.append([*vars(evidence.seen).values(), evidence.slender, evidence.pieces])
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_progress_counts_the_rendered_views() -> None:
    seen: list[tuple[int, int]] = []
    gather_evidence(things()[0], CAMERAS, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(1, 9)]


def test_reasons_are_counted_each_and_said_in_words() -> None:
    reasons = np.array([0, Reason.WEAK, Reason.WEAK | Reason.ALONE, Reason.NEEDLE], dtype=np.uint8)
    assert count_by_reason(reasons) == {Reason.WEAK: 2, Reason.ALONE: 1, Reason.NEEDLE: 1}
    assert describe_reasons(reasons) == ("2 hardly seen anywhere", "1 alone in space", "1 needle-shaped")
    assert reasons_of_words(["weak", "needle"]) == Reason.WEAK | Reason.NEEDLE
    assert Judgement(reasons, 0).gone.tolist() == [False, True, True, True]

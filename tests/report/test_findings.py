"""What went wrong, in sentences."""

from __future__ import annotations

import pytest

from splatseg.evaluate.mask_agreement import SegmentInView, ViewAgreement
from splatseg.report.findings import (
    NOISY,
    POOR_VIEWS_TOLD,
    Finding,
    SegmentQuality,
    badly_rendered,
    held_out_gap,
    noise_of,
    noisy_segments,
    poor_masks,
    ranked,
    views_without_masks,
    without_segment,
)
from splatseg.report.mentions import mention, spoken


def view(name: str, agreement: float, *segments: SegmentInView) -> ViewAgreement:
    return ViewAgreement(name, 12, agreement, 0.7, segments)


def segment(key: int, confidence: float = 0.8, **facts: float) -> SegmentQuality:
    known = {"count": 500, "support": 0.8, "views": 20.0, "largest_piece": 1.0} | facts
    return SegmentQuality(key, confidence=confidence, **known)  # type: ignore[arg-type]


def test_the_most_severe_comes_first_and_equals_stay_in_order() -> None:
    findings = [Finding("a", "", 0.2), Finding("b", "", 0.9), Finding("c", "", 0.2)]
    assert [finding.title for finding in ranked(findings)] == ["b", "a", "c"]
    assert [finding.level for finding in ranked(findings)] == ["serious", "minor", "minor"]
    assert Finding("d", "", 0.3).level == "notable"


def test_a_view_with_poor_masks_says_which_things_are_missing_merged_and_broken() -> None:
    hit = [SegmentInView(1, 50, 0.1, "missing"), SegmentInView(2, 90, 0.2, "merged"), SegmentInView(3, 9, 0.9)]
    (found,) = poor_masks([view("a.jpg", 0.3, *hit), view("b.jpg", 0.69)])
    assert found.views == ("a.jpg",)
    assert "0.30" in found.text and "0.70" in found.text
    said = spoken(found.text, {1: "mug", 2: "book"})
    assert "Without a mask: mug." in said and "Merged with something else: book." in said
    assert "Broken" not in found.text
    assert found.level == "serious"


def test_the_worst_views_are_told_one_by_one_and_the_rest_together() -> None:
    views = [view(f"{k}.jpg", 0.5 - k / 100) for k in range(POOR_VIEWS_TOLD + 3)]
    found = poor_masks(views)
    assert len(found) == POOR_VIEWS_TOLD + 1
    assert found[0].views == (f"{POOR_VIEWS_TOLD + 2}.jpg",)
    assert "3 more views" in found[-1].title and len(found[-1].views) == 3


def test_views_without_masks_are_counted() -> None:
    (found,) = views_without_masks(["a.jpg"], 10)
    assert found.title == "1 training view of 10 has no masks"
    assert views_without_masks(["a.jpg", "b.jpg"], 2)[0].severity == pytest.approx(1.0)
    assert views_without_masks([], 10) == []


def test_a_view_rendered_far_below_the_others_is_suspected() -> None:
    good = {f"{k}.jpg": 30.0 + 0.1 * k for k in range(10)}
    (found,) = badly_rendered(good | {"wrong.jpg": 17.0}, "training")
    assert found.views == ("wrong.jpg",)
    assert found.title == "1 training view is rendered far worse than the others"
    assert "17.0 dB" in found.text and found.level == "serious"


def test_a_wide_spread_of_renders_is_no_suspicion() -> None:
    assert badly_rendered({f"{k}.jpg": 20.0 + k for k in range(12)}, "training") == []
    assert badly_rendered({"a.jpg": 30.0, "b.jpg": 10.0}, "training") == [], "two views say nothing of each other"


def test_a_fit_that_learned_its_photographs_is_told() -> None:
    (found,) = held_out_gap({"a": 28.0, "b": 30.0}, {"c": 19.0})
    assert "19.0 dB against 29.0 dB" in found.text
    assert held_out_gap({"a": 30.0}, {"c": 28.0}) == []
    assert held_out_gap({"a": 30.0}, {}) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"views": 1.2}, "seen by 1 view"),
        ({"views": 0.0}, "hardly seen"),
        ({"support": 0.15}, "IoU 0.15"),
        ({"count": 1}, "1 Gaussian"),
        ({"largest_piece": 0.3}, "scattered: the largest piece holds 30%"),
        ({}, "little evidence"),
    ],
)
def test_a_noisy_segment_says_why(facts: dict[str, float], reason: str) -> None:
    assert reason in noise_of(segment(1, 0.2, **facts))


def test_a_confident_segment_is_not_noisy_however_small() -> None:
    assert noise_of(segment(1, NOISY, count=3, views=1.0)) == ""


def test_noisy_segments_are_one_finding_the_least_certain_first() -> None:
    (found,) = noisy_segments([segment(1), segment(2, 0.3), segment(3, 0.1, count=10)], "Merge them.", "splatseg x")
    assert found.title == "2 of 3 segments are noisy"
    assert found.segments == (3, 2)
    assert found.text.index(mention(3)) < found.text.index(mention(2))
    assert (found.advice, found.command) == ("Merge them.", "splatseg x")
    assert noisy_segments([segment(1)]) == []
    assert noisy_segments([]) == []


def test_gaussians_without_a_segment_are_told_when_they_are_many() -> None:
    (found,) = without_segment(0.25, 0.02)
    assert found.title == "25% of the Gaussians belong to no segment"
    assert "2.0% of the pixels" in found.text
    assert without_segment(0.05, 0.01) == []
    assert without_segment(0.02, 0.3)[0].level == "notable"
    assert without_segment(0.5, None)[0].level == "serious"

"""Histograms of opacity and size, with the range that is selected below each.

The bars count Gaussians; sizes are spread by ratio. Dragging a thumb selects at once, with the effect of the tools.

Alphabet: N Gaussians; values (N,).
"""

from __future__ import annotations

import html

import numpy as np

from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import RangeSlider, add_buttons

BARS = 60
"""Bars of a histogram."""

OUTLIERS = 0.001
"""Share of the Gaussians on each side that the histogram of sizes leaves to its first and last bar."""

SAMPLE = 1_000_000
"""About as many Gaussians are counted of more: the bars look the same, and a page of millions opens sooner."""

STEP = 1.0 / 200.0
"""Step of a slider, a share of its length."""


class RangePanel:
    """The two histograms; they are drawn when the page is built, since no edit changes the values."""

    def __init__(self, page: Page) -> None:
        self._page = page
        regions = page.scene.regions
        opacities, all_sizes = (sampled(values) for values in (regions.opacities, regions.sizes))
        sizes = all_sizes[np.isfinite(all_sizes) & (all_sizes > 0)]
        self._sizes = tuple(np.quantile(sizes, [OUTLIERS, 1.0 - OUTLIERS]).tolist()) if len(sizes) else (1.0, 1.0)
        with page.gui.add_folder("By opacity and size", expand_by_default=False):
            page.gui.add_html(histogram(opacities, 0.0, 1.0))
            self._opacity = self._slider("Opacity", "Gaussians from the least to the greatest opacity.")
            page.gui.add_html(histogram(*self._logarithms(all_sizes)))
            self._size = self._slider("Size", "Gaussians from the least to the greatest size, spread by ratio.")
            self._text = page.gui.add_html(self._range_text())
            add_buttons(
                page, "Range", {"Select": self._select}, hint="Select the Gaussians within both ranges once more."
            )

    def refresh(self) -> None:
        """Show the range in numbers."""
        text = self._range_text()
        if self._text.content != text:
            self._text.content = text

    def _slider(self, label: str, hint: str) -> RangeSlider:
        slider = RangeSlider(self._page, label, (0.0, 1.0, STEP), hint=hint)
        slider.on_change(self._select)
        return slider

    def _logarithms(self, sizes: np.ndarray) -> tuple[np.ndarray, float, float]:
        logs = np.log(np.maximum(sizes, np.finfo(np.float32).tiny))
        return logs, float(np.log(self._sizes[0])), float(np.log(self._sizes[1]))

    def _size_at(self, share: float) -> float:
        """Return the size at a share of the slider; beyond its ends are all others."""
        if share in (0.0, 1.0):
            return 0.0 if share == 0.0 else float("inf")
        low, high = self._sizes
        return float(low * (high / low) ** share)

    def _select(self) -> None:
        tools = self._page.tools
        low, high = self._size.value
        tools.regions.between(self._opacity.value, (self._size_at(low), self._size_at(high)), tools.how)

    def _range_text(self) -> str:
        opacity, size = self._opacity.value, [self._size_at(each) for each in self._size.value]
        named = ["any" if size[0] == 0.0 else f"{size[0]:.3g}", "any" if size[1] == float("inf") else f"{size[1]:.3g}"]
        text = f"opacity {opacity[0]:.2f} to {opacity[1]:.2f}, size {named[0]} to {named[1]}"
        return f'<div style="margin:0 0.75em 0.6em;font-size:0.8125em">{html.escape(text)}</div>'


def sampled(values: np.ndarray) -> np.ndarray:
    """Return an even sample (n,) of values (N,), n < 2 SAMPLE; all of up to that."""
    return values[:: max(len(values) // SAMPLE, 1)]


def histogram(values: np.ndarray, low: float, high: float) -> str:
    """Return a histogram of values (N,) from low to high as HTML; what lies beyond is in the first and last bar."""
    shares = (values - low) / (high - low) if high > low else np.zeros_like(values)
    places = np.clip(np.nan_to_num(shares) * BARS, 0, BARS - 1).astype(np.int64)
    # Roots: one tall bar would leave the others flat.
    heights = np.sqrt(np.bincount(places, minlength=BARS))
    heights = 100.0 * heights / max(float(heights.max()), 1.0)
    bars = "".join(
        f'<rect x="{place}" y="{100 - height:.1f}" width="0.9" height="{height:.1f}"/>'
        for place, height in enumerate(heights)
        if height > 0
    )
    return (
        f'<svg viewBox="0 0 {BARS} 100" preserveAspectRatio="none" role="img" aria-label="histogram" '
        'style="display:block;width:calc(100% - 8em);margin:0.3em 0 -0.2em 7.3em;height:3em;'
        f'fill:var(--mantine-color-dimmed)">{bars}</svg>'
    )

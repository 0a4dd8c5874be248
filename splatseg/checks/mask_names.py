"""Masks that have the name of no view, while views lack masks: perhaps they are named otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from splatseg.capture.view import View
from splatseg.checks.trouble import Trouble
from splatseg.masks.sources import MaskSources
from splatseg.plain_text import first_few


def stray_masks(masks: MaskSources, views: Sequence[View]) -> list[Trouble]:
    """Return a sentence on each folder that has masks of no view and lacks masks of some."""
    troubles = []
    for store in masks.stores:
        missing = [view.name for view in views if view.name not in store.files]
        if missing and store.strays:
            text = (
                f"{len(store.strays)} masks in {store.path} have the name of no view ({first_few(store.strays)}), and "
                f"{len(missing)} of {len(views)} views have no mask there ({first_few(missing)}); name them alike if "
                "they belong together"
            )
            troubles.append(Trouble(text))
    return troubles

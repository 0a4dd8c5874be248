"""Builds the side panel of a page: mode and selection at the top, tabs below, and the keys."""

from __future__ import annotations

from functools import partial
from typing import get_args

from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Digit
from splatseg.viewer.panels.export import ExportPanel
from splatseg.viewer.panels.help import HelpPanel
from splatseg.viewer.panels.keys import Shortcut, listen
from splatseg.viewer.panels.segments import SegmentsPanel
from splatseg.viewer.panels.select import SelectPanel
from splatseg.viewer.panels.selecting.ranges import RangePanel
from splatseg.viewer.panels.selecting.ruler import Ruler
from splatseg.viewer.panels.selecting.volumes import VolumePanel
from splatseg.viewer.panels.show import LABELS, ShowPanel, offered_modes
from splatseg.viewer.panels.views import ViewsPanel
from splatseg.viewer.panels.words import WordsPanel
from splatseg.viewer.workspace.shared_links import SharedLinks


def build_panels(page: Page, links: SharedLinks) -> None:
    """Make all panels of a page and its keyboard shortcuts. links: those of the scene."""
    show = ShowPanel(page)
    tabs = page.gui.add_tab_group()
    with tabs.add_tab("Select"):
        select = SelectPanel(page)
        page.panels += [show, select, RangePanel(page), VolumePanel(page), Ruler(page)]
        if page.scene.run is not None:
            page.panels.append(WordsPanel(page))
    if page.scene.table is not None:
        with tabs.add_tab("Segments"):
            page.panels.append(SegmentsPanel(page, page.scene.table))
    with tabs.add_tab("Views"):
        views = ViewsPanel(page, links)
    with tabs.add_tab("Export"):
        export = ExportPanel(page)
    keys = listen(page, _shortcuts(page, show, select, views, export))
    with tabs.add_tab("Help"):
        page.panels += [views, export, HelpPanel(page, keys)]


def _shortcuts(
    page: Page, show: ShowPanel, select: SelectPanel, views: ViewsPanel, export: ExportPanel
) -> list[Shortcut]:
    workspace = page.workspace
    modes = [
        Shortcut(f"Show: {LABELS[mode]}", partial(show.set_mode, mode), key)
        for key, mode in zip(get_args(Digit), offered_modes(page), strict=False)
    ]
    selecting = [
        Shortcut("Undo", select.undo, "Z", "cmd/ctrl"),
        Shortcut("Redo", select.redo, "Z", "cmd/ctrl+shift"),
        Shortcut("Grow the selection", workspace.grow, "G"),
        Shortcut("Shrink the selection", workspace.shrink, "F"),
        Shortcut("Invert the selection", workspace.invert, "I"),
        Shortcut("Select nothing", workspace.clear, "escape"),
        Shortcut("Draw a rectangle by dragging: on or off", partial(select.tools.toggle, "rectangle"), "B"),
        Shortcut("Draw a lasso: on or off", partial(select.tools.toggle, "lasso"), "L"),
        Shortcut("Paint with the brush: on or off", partial(select.tools.toggle, "brush"), "T"),
        Shortcut("Hide the selection", workspace.hide_selection, "H"),
        Shortcut("Show only the selection", workspace.isolate_selection, "O"),
        Shortcut("Show everything", workspace.show_all, "H", "shift"),
    ]
    if page.scene.table is not None:
        selecting.append(Shortcut("Make a segment from the selection", select.make_segment, "N"))
    moving = [Shortcut("Move the camera back to the start", page.look_home, "R")]
    if page.scene.views:
        moving += [
            Shortcut("Previous view of the capture", partial(views.step, -1), "pageup"),
            Shortcut("Next view of the capture", partial(views.step, 1), "pagedown"),
        ]
    taking = [
        Shortcut("Export the selection", export.selection),
        Shortcut("Screenshot", export.screenshot, "P"),
        Shortcut("Add a keyframe to the camera path", export.film.add, "V"),
    ]
    return [*modes, *selecting, *moving, *taking]

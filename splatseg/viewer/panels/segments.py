"""The tab Segments: search, order, the list, and actions on the chosen segment."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from splatseg.errors import PromptError
from splatseg.scene.summary import whole_segments
from splatseg.scene.table import SegmentTable
from splatseg.scene.table_state import Labeling
from splatseg.segments.segment import Segment, largest_first
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Choice, add_buttons, add_text, assign, at_most, on_change, on_submit, typed
from splatseg.viewer.panels.links import Links
from splatseg.viewer.panels.segment_list import SORTS, ListState, found, is_noisy, list_html, page_of, pages_of
from splatseg.viewer.workspace.workspace import How

MESSAGE = re.compile(r"((choose|add|remove|tick|eye):\d{1,9}|noisy:[01]|color:\d{1,9}:#[0-9a-fA-F]{6}|page:-?\d{1,9})")
"""Messages of the list: a verb and a segment, a segment and its new colour, a number of pages to turn, or a fold."""

SELECTING: dict[str, How] = {"choose": "new", "add": "add", "remove": "remove"}
"""Effect on the selection by the verb of a message."""


class SegmentsPanel:
    """The list, with rename, recolour, show, merge, split and delete."""

    def __init__(self, page: Page, table: SegmentTable) -> None:
        self._page, self._table = page, table
        self._state = ListState()
        self._named: tuple[int, str] | None = None
        self._followed: object = None
        gui = page.gui
        search = add_text(page, "Search", hint="Part of a name, or a number.")
        on_change(page, search, lambda text: self._change(search=at_most(text), page=0))
        sort = Choice(page, "Sort by", tuple(SORTS), hint="The order of the list.")
        sort.on_change(lambda name: self._change(sort=name, page=0))
        self._links = Links(page, self._received)
        self._list = gui.add_html("")
        self._merge = add_buttons(
            page,
            "Ticked",
            {"Merge": self.merge_ticked, "Untick": lambda: self._change(ticked=frozenset())},
            hint="Merge the ticked segments into one, with the number and name of the largest.",
        )
        self._add_chosen()
        add_buttons(
            page,
            "Edits",
            {"Undo edit": self.undo, "Redo edit": self.redo},
            hint="Undo and redo edits of the list: names, colours, merges, splits, deletions. All browsers share them.",
        )
        self._saved = gui.add_markdown("")
        self.refresh()

    def _add_chosen(self) -> None:
        page, gui = self._page, self._page.gui
        self._form = gui.add_form("Chosen segment", visible=False)
        with self._form:
            self._name = add_text(page, "Name", hint="Type a name and press Enter.", within=self._form)
            add_buttons(
                page,
                "Picture",
                {"Select": lambda: self._select("new"), "Add": lambda: self._select("add"), "Look at": self.look_at},
                hint="Select the segment, add it to the selection, or move the camera to it.",
                within=self._form,
            )
            add_buttons(
                page,
                "Change",
                {"Rename": self._rename, "Split": self.split, "Delete": self.delete},
                hint="Rename the segment to the name above; split it into its parts; or delete it: its Gaussians stay, "
                "but belong to no segment. Undo edit brings it back.",
                within=self._form,
            )
        on_submit(page, self._form, self._rename)

    @property
    def _chosen(self) -> Segment:
        for row in self._table.rows():
            if row.id == self._state.chosen:
                return row
        raise PromptError("choose a segment in the list first")

    def _change(self, **changes: Any) -> None:
        self._state = dataclasses.replace(self._state, **changes)

    def _received(self, verb: str, rest: str) -> None:
        number, _, value = rest.partition(":")
        if not MESSAGE.fullmatch(f"{verb}:{rest}"):
            return  # not a message of the list
        if verb in SELECTING:
            self.choose(int(number))
            self._page.workspace.select_segment(int(number), SELECTING[verb])
        elif verb == "noisy":
            self._change(noisy=number == "1", page=0)
        elif verb == "tick":
            self._change(ticked=self._state.ticked ^ {int(number)})
        elif verb == "eye":
            visible = int(number) in self._page.workspace.visible_ids
            self._page.workspace.set_visible(int(number), not visible)
        elif verb == "color":
            red, green, blue = bytes.fromhex(value.removeprefix("#"))
            self._table.recolor(int(number), (red, green, blue))
        elif verb == "page":
            last = pages_of(len(found(self._table.rows(), self._state))) - 1
            self._change(page=min(max(self._state.page + int(rest), 0), last))

    def choose(self, identity: int | None) -> None:
        """Choose a segment and turn to the page of its row."""
        if identity is not None and identity != self._state.chosen:
            if any(row.id == identity and is_noisy(row) for row in self._table.rows()):
                self._change(noisy=True)
            page = page_of(self._table.rows(), self._state, identity)
            self._change(page=self._state.page if page is None else page)
        self._change(chosen=identity)

    def _follow(self, now: Labeling) -> None:
        """Choose the segment that a new selection equals, if it equals one."""
        members = self._page.workspace.step.members
        if members is self._followed:
            return
        self._followed = members
        whole = whole_segments(members.array, now)
        if len(whole) == 1:
            self.choose(whole[0])

    def _select(self, how: How) -> None:
        self._page.workspace.select_segment(self._chosen.id, how)

    def _rename(self) -> None:
        self._table.rename(self._chosen.id, typed(self._name))
        self._form.submit()

    def look_at(self) -> None:
        """Move the camera to show the whole chosen segment, from the present direction."""
        self._page.look_at_box(self._page.scene.splats.coordinates.inwards(np.array(self._chosen.box)))

    def split(self) -> None:
        """Split the chosen segment into its parts."""
        parts = self._table.split(self._chosen.id)
        self._page.say("Split", f"{len(parts)} parts.", color="green", seconds=4.0)
        self.choose(parts[0] if parts else None)

    def delete(self) -> None:
        """Delete the chosen segment."""
        chosen = self._chosen
        self._table.delete(chosen.id)
        self._change(chosen=None, ticked=self._state.ticked - {chosen.id})
        self._page.say(
            "Deleted",
            f"The Gaussians of {chosen.name} belong to no segment now. Undo edit brings it back.",
            seconds=5.0,
        )

    def merge_ticked(self) -> None:
        """Merge the ticked segments into one."""
        merged = self._table.merge(sorted(self._state.ticked))
        self._change(ticked=frozenset())
        self.choose(merged)
        self._page.workspace.select_segment(merged, "new")

    def undo(self) -> None:
        """Undo the last edit of the list."""
        if not self._table.can_undo:
            raise PromptError("there is no edit of the list to undo")
        self._table.undo()

    def redo(self) -> None:
        """Redo the edit of the list that was undone last."""
        if not self._table.can_redo:
            raise PromptError("there is no edit of the list to redo")
        self._table.redo()

    def refresh(self) -> None:
        """Show the present table."""
        now = self._table.now  # one state for all of this: another browser may edit meanwhile
        self._follow(now)
        rows = largest_first(now.rows.values())
        chosen = None if self._state.chosen is None else now.rows.get(self._state.chosen)
        self._change(chosen=chosen and chosen.id, ticked=self._state.ticked & now.rows.keys())
        visible, thumbnails = (
            set(self._page.workspace.visible_ids),
            self._page.scene.thumbnails.of(now, self._page.tell),
        )
        content = list_html(rows, self._state, visible, self._links.send, thumbnails)
        assign(self._list, "content", content)
        assign(self._merge, "visible", bool(self._state.ticked))
        assign(self._form, "visible", chosen is not None)
        if chosen is not None and self._named != (chosen.id, chosen.name):
            self._named = (chosen.id, chosen.name)
            assign(self._name, "value", chosen.name)
        assign(self._saved, "content", f"*{len(rows)} segments · {self._page.scene.save_state}*")

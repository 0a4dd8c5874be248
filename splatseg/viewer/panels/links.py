"""Clicks in HTML of ours that reach the server.

viser has no table, so the list of segments is HTML; its rows speak through a text control that is never shown: the
handler in the HTML sends the message that viser's own control would send. The client offers the way to send it as
`window.__viserMutable` (made for viser's own browser tests). Everything the list does can also be done without it, by
clicking in the picture and with the controls below the list.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

from splatseg.viewer.page.page import Page


class Links:
    """Messages `verb:rest` from HTML to one panel."""

    def __init__(self, page: Page, received: Callable[[str, str], None]) -> None:
        """received(verb, rest) is run in the page's thread."""
        self._ear = page.gui.add_text("", "", visible=False)

        async def heard(event: Any) -> None:
            if event.client is not None:
                _, _, message = str(event.target.value).partition(" ")
                verb, _, rest = message.partition(":")
                page.do(lambda: received(verb, rest))

        self._ear.on_update(heard)

    def send(self, expression: str) -> str:
        """What to put in quotes behind onclick= or onchange=: sends the value of a JavaScript expression."""
        identity = json.dumps(self._ear._impl.uuid)
        script = (
            "window.__viserMutable&&window.__viserMutable.sendMessage({type:'GuiUpdateMessage',uuid:"
            f"{identity},updates:{{value:performance.now()+' '+({expression})}}}})"
        )
        return html.escape(script, quote=True)

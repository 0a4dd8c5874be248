"""Sends clicks in the panel's own HTML to the server.

viser has no table, so the list of segments is HTML. Its rows use a hidden text control: the handler in the HTML sends
the message that this control would send. viser's client exposes the function for that as `window.__viserMutable` (made
for its own browser tests). All actions of the list are also possible without it, by clicks in the picture and with the
controls below the list.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import any_text


class Links:
    """Carries messages `verb:rest` from HTML to one panel."""

    def __init__(self, page: Page, received: Callable[[str, str], None]) -> None:
        """Add the hidden control. received: received(verb, rest) is run in the page's thread for each message."""
        self._ear = page.gui.add_text("", "", visible=False)
        page.offer(self._ear, any_text)

        def heard(event: Any) -> None:
            if event.client is not None:
                _, _, message = str(event.target.value).partition(" ")
                verb, _, rest = message.partition(":")
                page.do(lambda: received(verb, rest))

        self._ear.on_update(page.heard(heard))

    def send(self, expression: str) -> str:
        """Return the quoted handler for onclick= or onchange= that sends the value of a JavaScript expression."""
        # The time makes every message differ from the last: the control ignores a value that stays the same.
        identity = json.dumps(self._ear._impl.uuid)
        script = (
            "window.__viserMutable&&window.__viserMutable.sendMessage({type:'GuiUpdateMessage',uuid:"
            f"{identity},updates:{{value:performance.now()+' '+({expression})}}}})"
        )
        return html.escape(script, quote=True)

"""Furnishes viser's page before it is sent: its title, and a script that runs first (head.js).

The script passes on whether the system is light or dark, and shows a banner with the way on when the server is gone:
viser's own page greys out and says nothing.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from importlib.resources import files

_TITLE = re.compile(rb"<title>[^<]*</title>")


class Head:
    """The title and the script that go into a server's page."""

    def __init__(self, title: str, command: str, reconnects: bool) -> None:
        """Prepare it.

        title: text of the browser's tab. command: starts the server again. reconnects: False if the address will be
        another then, as it holds a token.
        """
        facts = html.escape(json.dumps({"command": command, "reconnects": reconnects}), quote=True)
        script = (files("splatseg.viewer.page") / "head.js").read_text(encoding="utf-8")
        text = f'<title>{html.escape(title)}</title><script data-facts="{facts}">{script}</script>'
        self._furniture = text.encode()
        self._made: dict[tuple[int, bool], bytes] = {}

    def furnish(self, page: bytes, packed: bool) -> bytes:
        """Return a page with title and script; any that has no title stays as it is. packed: it is in gzip."""
        key = (len(page), packed)  # a server has one page
        if key not in self._made:
            plain = gzip.decompress(page) if packed else page
            made = _TITLE.sub(lambda _: self._furniture, plain, count=1)
            self._made[key] = gzip.compress(made) if packed else made
        return self._made[key]

"""A browser is recognised by a key that no script and no run gives away, and its page begins with our head."""

from __future__ import annotations

import gzip
import re

import pytest
from websockets.datastructures import Headers

from splatseg.viewer.page.head import Head
from splatseg.viewer.page.visitor import SCHEME, Visitor, new_cookie, visitor_of


def test_a_browser_that_comes_again_is_the_same_and_another_is_another() -> None:
    first, second = (new_cookie(Headers()).split(";")[0] for _ in range(2))
    one, other = (visitor_of(Headers(Cookie=f"a=b; {cookie}")) for cookie in (first, second))
    assert one == visitor_of(Headers(Cookie=first)) and one.key and other.key and one.key != other.key
    assert one.key not in first, "a run keeps a digest, not the key"
    assert new_cookie(Headers(Cookie=first)) == "", "the key stays"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(new_cookie(Headers()).split("; "))


@pytest.mark.parametrize("sent", ["", "splatseg-browser=", "splatseg-browser=x", "splatseg-browser=" + "é" * 22])
def test_a_browser_without_a_key_of_ours_is_nobody_and_gets_one(sent: str) -> None:
    headers = Headers(Cookie=sent)
    assert visitor_of(headers) == Visitor() and new_cookie(headers)


def test_a_page_is_dark_unless_the_system_is_light() -> None:
    assert [visitor_of(Headers(Cookie=f"{SCHEME}={value}")).light for value in ("light", "dark", "5")] == [1, 0, 0]


@pytest.mark.parametrize("packed", [False, True])
def test_the_page_has_our_title_and_no_name_breaks_out_of_it(packed: bool) -> None:
    plain = b"<head><title>Viser</title><script>a</script></head>"
    head = Head("splatseg · </title><script>x", "splatseg view '</script>\"'", True)
    made = head.furnish(gzip.compress(plain) if packed else plain, packed)
    made = gzip.decompress(made) if packed else made
    assert "<title>splatseg · &lt;/title&gt;&lt;script&gt;x</title>".encode() in made
    assert re.findall(rb"<script[ >]", made) == [b"<script ", b"<script>"] and made.endswith(
        b"<script>a</script></head>"
    )
    assert head.furnish(b"no page", False) == b"no page"

"""The documentation is built without a warning, its links lead somewhere, and nothing in it asks the network."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import splatseg

ROOT = Path(__file__).resolve().parents[1]
LOADED = {("script", "src"), ("img", "src"), ("video", "src"), ("source", "src"), ("iframe", "src")}
STYLES = {"stylesheet", "icon", "preload", "manifest"}


class Page(HTMLParser):
    """What a page links to, what it loads, and what in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        self.loaded += [values[key] for kind, key in LOADED if kind == tag and key in values]
        if tag == "link" and STYLES & set(values.get("rel", "").split()):
            self.loaded.append(values["href"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built anew; a warning is an error."""
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    pytest.importorskip("myst_parser", reason="the extra docs is not installed")
    pytest.importorskip("furo", reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "trees")]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder / "site")], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_every_page_is_in_the_navigation() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    # plan.md is for those who work on splatseg and no page of the site.
    pages = {path.stem for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".rst")} - {"index", "plan"}
    assert pages <= set(index), f"docs/index.md does not list {sorted(pages - set(index))}"


def test_every_public_name_has_one_page_of_the_api() -> None:
    # It is built with the site only, and a name in a new room should not wait for that to be missed.
    code = "import sys; sys.path.insert(0, 'docs'); from api_pages import api_page; api_page()"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_pictures_of_the_documentation_are_shown_and_small() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for picture in (ROOT / "docs" / "pictures").iterdir():
        shown = picture.name in texts
        assert shown, f"no page shows docs/pictures/{picture.name}"
        if picture.name.startswith(("tutorial_", "real_")):
            assert picture.stat().st_size < 100_000, f"docs/pictures/{picture.name} is large"


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 12
    lost = []
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            target, anchor = urldefrag(unquote(link))
            if "://" in target or target.startswith(("mailto:", "data:")):
                continue
            aim = (path.parent / target.partition("?")[0]).resolve() if target else path
            if not aim.exists() or (anchor and aim in pages and anchor not in pages[aim].anchors):
                lost.append(f"{path.name} -> {link}")
    assert not lost


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert not [url for url in Page(path).loaded if url.startswith(("http:", "https:", "//"))], path.name
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert "url(http" not in text and "url(//" not in text and "@import" not in text, path.name


@pytest.mark.slow
def test_all_public_names_commands_and_examples_are_there(site: Path) -> None:
    pages = {path.stem: Page(path) for path in (site / "api").glob("*.html")}
    api = {anchor for page in pages.values() for anchor in page.anchors}
    names = set(splatseg.__all__) - {"__version__"}
    assert not [name for name in names if not {f"splatseg.{name}", f"module-splatseg.{name}"} & api]
    # From a name to the examples that use it, and to the table of what a class has.
    assert any("examples.html#example-3" in link for link in pages["selection"].links)
    assert "#splatseg.Scene.click" in pages["scene"].links
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for text in ("splatseg-demo", "--granularity", "1280x720", "lift", "&lt;view&gt;.png"):
        assert text in commands
    examples = (site / "examples.html").read_text(encoding="utf-8")
    assert all(path.name in examples for path in (ROOT / "examples").glob("[0-9]*.py"))
    assert (site / "orbit.mp4").exists() and "from the capture that comes with it" in (
        site / "gallery.html"
    ).read_text()

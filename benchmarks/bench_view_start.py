"""`splatseg view` as a browser sees it: from the command to the first picture, and from a click to its picture.

    python benchmarks/bench_view_start.py RUN [--size 1280 720] [--clicks 5]

The server is started as a person starts it; the browser is Chromium without a window and without a graphics card. The
time to the first picture is from the start of the command until the page has a picture, with the browser started
already. A click's time is from the mouse button until the page has the next picture. Clicks go to a row of places.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]

TEXTURE = """() => {
  const m = window.__viserMutable?.backgroundMaterial;
  return (m && m.uniforms.enabled.value && m.uniforms.colorMap.value?.uuid) || null;
}"""

WATCH = """before => new Promise(done => {
  const start = performance.now();
  const look = () => {
    const m = window.__viserMutable.backgroundMaterial;
    if (m.uniforms.colorMap.value?.uuid !== before) done(performance.now() - start);
    else if (performance.now() - start > 30000) done(NaN);
    else setTimeout(look, 1);
  };
  look();
})"""


def start(run: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the command and return it with the address it prints."""
    code = "from splatseg.cli.main import main; main()"
    command = [sys.executable, "-c", code, "view", str(run), "--port", "8123"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://\S+", line):
            return server, found.group()
    raise SystemExit(f"the server ended before it printed an address (exit code {server.wait()})")


def first_picture(page: Any, address: str) -> None:
    """Open the page and wait for its first picture."""
    page.goto(address)
    page.wait_for_function(TEXTURE, polling=5)


def click(page: Any, x: float, y: float) -> float:
    """Milliseconds from a click at x, y (0..1 of the picture) until the page has another picture."""
    box = page.locator("canvas[data-engine]").bounding_box()
    before = page.evaluate(TEXTURE)
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_timeout(300)
    waiting = time.perf_counter()
    page.mouse.down()
    page.mouse.up()
    page.evaluate(WATCH, before)
    return 1000.0 * (time.perf_counter() - waiting)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720))
    parser.add_argument("--clicks", type=int, default=5)
    arguments = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise SystemExit("there is no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": arguments.size[0], "height": arguments.size[1]})
        begun = time.perf_counter()
        server, address = start(arguments.run)
        try:
            printed = time.perf_counter()
            first_picture(page, address)
            seen = time.perf_counter()
            print(f"command to address {printed - begun:.1f} s; to the first picture {seen - begun:.1f} s")
            page.wait_for_timeout(3000)
            places = [(0.3 + 0.1 * (number % 5), 0.4 + 0.07 * (number // 5)) for number in range(arguments.clicks)]
            times = [click(page, x, y) for x, y in places]
            print(f"click to picture, median of {len(times)}: {statistics.median(times):.0f} ms")
            print("all: " + ", ".join(f"{each:.0f}" for each in times))
        finally:
            server.terminate()
            server.wait(30)
            browser.close()


if __name__ == "__main__":
    main()

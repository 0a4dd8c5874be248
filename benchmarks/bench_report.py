"""Size of a run's report, the time to write it, and how fast it opens in headless Chromium.

    python benchmarks/bench_report.py RUN [--repeats 9] [--threads 1]

The run stays as it is: the report is written anew into a folder of links to its files. Every visit has a browser
context of its own, so nothing is cached. Times of a visit, from the start of navigation: first contentful paint, load
event, and when every picture is decoded (which the page does not wait for). Needs `playwright` and a Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import Browser, sync_playwright

from splatseg.report.run_report import report_run
from splatseg.run.folder import open_run
from splatseg.run.reporter import NullReporter

VISIT = """async () => {
  const paint = await new Promise((found) => new PerformanceObserver((list) => {
    const entry = list.getEntriesByName("first-contentful-paint")[0];
    if (entry) found(entry.startTime);
  }).observe({ type: "paint", buffered: true }));
  const load = performance.getEntriesByType("navigation")[0].loadEventEnd;
  await Promise.all([...document.images].filter((image) => image.src).map((image) => image.decode()));
  return [paint, load, performance.now()];
}"""


def linked(run: Path, folder: Path) -> Path:
    """A run folder of links to another's files, in which only the metrics and the report are its own."""
    made = folder / run.name
    made.mkdir()
    for path in run.iterdir():
        if path.name == "metrics.jsonl":
            shutil.copy(path, made)
        elif path.name != "report.html":
            (made / path.name).symlink_to(path.resolve())
    return made


def written(run: Path) -> tuple[float, float]:
    """Seconds to measure a run and write its report: on the clock, and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    report_run(open_run(run), NullReporter())
    return time.perf_counter() - wall, time.process_time() - cpu


def visit(browser: Browser, report: Path) -> tuple[float, float, float]:
    """Milliseconds to the first paint, the load event, and the last decoded picture."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri(), wait_until="load")
    paint, load, decoded = page.evaluate(VISIT)
    context.close()
    return paint, load, decoded


def parts(html: str) -> dict[str, int]:
    """Bytes of the page by what they are for."""
    found = {
        "pictures of views": sum(map(len, re.findall(r'<figure[^>]*><img src="([^"]+)"', html))),
        "label maps": sum(map(len, re.findall(r'data-labels="([^"]+)"', html))),
        "pictures of segments": sum(map(len, re.findall(r'<td class="picture"><img src="([^"]+)"', html))),
    }
    return found | {"all else": len(html.encode()) - sum(found.values())}


def main() -> None:
    """Write, visit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder:
        run = linked(given.run, Path(folder))
        wall, cpu = written(run)
        report = run / "report.html"
        html = report.read_text(encoding="utf-8")
        print(f"{'size':22}{report.stat().st_size / 1e6:9.2f} MB")
        for name, size in parts(html).items():
            print(f"  {name:20}{size / 1e6:9.2f} MB")
        print(f"{'measured and written':22}{wall:9.1f} s  ({cpu:.1f} s of the processor, {given.threads} threads)")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            visit(browser, report)  # the first one starts processes of the browser
            times = [visit(browser, report) for _ in range(given.repeats)]
            browser.close()
    for name, values in zip(("first paint", "load event", "all decoded"), zip(*times, strict=True), strict=True):
        print(f"{name:22}{statistics.median(values):9.0f} ms  (median of {given.repeats}, {min(values):.0f} at best)")


if __name__ == "__main__":
    main()

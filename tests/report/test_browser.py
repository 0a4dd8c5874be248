"""The page in a browser, as a person uses it. Any message in its console fails a test; screenshots go to
build/screenshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from browser_tab import SCREENSHOTS

from splatseg.render.overlays import overlay_segments
from splatseg.report.data import ReportData, ReportFinding, ReportSegment, ReportView
from splatseg.report.page import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page = sync_api.Page

COLORS = {1: (80, 170, 220), 2: (220, 120, 90), 3: (120, 190, 90)}
RECTANGLE = "e => (({x, y, width, height}) => [x, y, width, height])(e.getBoundingClientRect())"
NAMES = {1: "table <b>", 2: "mug", 3: "small noise"}


def report_view(number: int) -> ReportView:
    """A table below, a mug that moves from view to view on it; masks that miss the mug in the second view."""
    rows, columns = np.mgrid[:240, :320]
    labels = np.where(rows > 90, 1, 0).astype(np.int32)
    labels[(rows - 130) ** 2 + (columns - 90 - 40 * number) ** 2 < 35**2] = 2
    photo = np.stack([60 + rows // 2, 80 + columns // 3, np.full_like(rows, 110)], axis=-1).astype(np.uint8)
    photo[labels == 2] = (230, 220, 200)
    masks = np.where((labels == 2) & (number == 1), 0, labels)
    return ReportView(
        f"{number:03}.jpg",
        "test" if number == 0 else "train",
        photo=photo,
        segments=overlay_segments(photo, labels, COLORS),
        masks=overlay_segments(photo, masks, COLORS),
        render=photo[:, ::-1].copy(),
        labels=labels,
        badge="poor masks" if number == 1 else "",
        facts="PSNR 30.1 dB",
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with three views and sixty segments."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    others = [ReportSegment(k, f"thing {k}", (9, 9, 9), 1000 - k, (1, 1, k), confidence=0.5) for k in range(4, 61)]
    named = [
        ReportSegment(1, NAMES[1], COLORS[1], 9000, (3, 2, 0.1), report_view(0).photo, 0.9),
        ReportSegment(2, NAMES[2], COLORS[2], 2000, (0.2, 0.2, 0.3), report_view(0).photo, 0.8),
        ReportSegment(3, NAMES[3], COLORS[3], 7, (0.1, 0.1, 0.1), None, 0.05, "seen by 1 view"),
    ]
    write_report(
        path,
        ReportData(
            title="A run",
            subtitle="desk: 3 views, 1 held out",
            numbers={"Gaussians": 61_204, "segments": 60},
            views=[report_view(number) for number in range(3)],
            segments=[*named, *others],
            findings=[ReportFinding("The masks of 001.jpg disagree", "No mug.", "serious", ("001.jpg",), (2,))],
            checks=["All renders."],
            confidence="Confidence is a number.",
            metrics={"mIoU": 0.9},
            settings={"seed": 0},
            timings={"fit": 3.0},
        ),
    )
    return path.as_uri()


@pytest.fixture
def visit(browser, report: str) -> Iterator[Callable[..., Page]]:
    """Opens the page with options of a browser context; checks at the end that its console stayed silent."""
    said: list[str] = []
    contexts = []

    def opened(**options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(report)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def shoot(page: Page, name: str, **options: object) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{name}.png", **options)


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def clip_of(page: Page, selector: str) -> str:
    return page.locator(selector).first.evaluate("element => getComputedStyle(element).clipPath")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width", "height"), [("desktop", 1280, 900), ("phone", 390, 844)])
def test_the_page_fits_the_window_and_is_pictured(
    visit: Callable[..., Page], scheme: str, name: str, width: int, height: int
) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"{scheme}-{name}", full_page=True)


def test_the_slider_parts_two_layers_and_any_two_can_be_chosen(visit: Callable[..., Page]) -> None:
    page = visit()
    stack = page.locator(".stack").first
    assert stack.locator("figure.left").get_attribute("data-layer") == "photo"
    assert stack.locator("figure.right").get_attribute("data-layer") == "segments"
    before = clip_of(page, ".stack figure.right")
    x, y = middle(page, ".stack")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=4)
    page.mouse.up()
    assert clip_of(page, ".stack figure.right") != before
    assert page.locator(".lightbox[open]").count() == 0, "dragging the line enlarges nothing"
    page.locator(".layers [name=right]").select_option("masks")
    assert stack.locator("figure.right").get_attribute("data-layer") == "masks"
    page.locator(".layers [name=left]").select_option("masks")
    assert stack.locator("figure:visible").count() == 1
    page.locator("[name=apart]").check()
    assert stack.locator("figure:visible").count() == 4


def test_the_slider_moves_with_the_arrow_keys(visit: Callable[..., Page]) -> None:
    page = visit()
    before = clip_of(page, ".stack figure.right")
    page.locator(".stack .slider").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert clip_of(page, ".stack figure.right") != before


def test_the_choice_of_light_and_dark_goes_before_the_system_and_is_remembered(visit: Callable[..., Page]) -> None:
    page = visit(color_scheme="light")

    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = background()
    page.locator(".theme span", has_text="Dark").click()
    dark = background()
    assert dark != light
    page.reload()
    assert background() == dark
    page.locator(".theme span", has_text="Auto").click()
    assert background() == light
    page.emulate_media(color_scheme="dark")
    assert background() == dark


def zoom_of(page: Page) -> float:
    return float(page.locator(".stage").get_attribute("data-zoom") or 0)


def transforms(page: Page) -> list[str]:
    return page.locator(".sheet").evaluate_all("sheets => sheets.map((sheet) => sheet.style.transform)")


def test_a_click_enlarges_and_both_layers_zoom_and_move_together(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(".stack").first.click(position={"x": 60, "y": 200})
    assert page.locator(".lightbox[open] h2").inner_text().startswith("000.jpg")
    assert zoom_of(page) == 1
    page.mouse.move(700, 500)
    page.mouse.wheel(0, -600)
    zoomed = zoom_of(page)
    assert zoomed > 2
    left, right = transforms(page)
    assert left == right
    page.mouse.move(900, 500)
    page.mouse.down()
    page.mouse.move(840, 470, steps=3)
    page.mouse.up()
    moved = transforms(page)
    assert moved[0] == moved[1] != left
    shoot(page, "zoomed")
    page.keyboard.press("-")
    assert zoom_of(page) < zoomed
    page.keyboard.press("0")
    assert zoom_of(page) == 1
    page.locator(".lightbox .in").click()
    assert zoom_of(page) > 1


def test_the_place_under_the_pointer_stays_while_zooming(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(".enlarge").first.click()
    box = page.locator(".stage").bounding_box()
    assert box
    x, y = box["x"] + 0.6 * box["width"], box["y"] + 0.55 * box["height"]

    def place() -> list[float]:
        left, top, width, height = page.locator(".sheet").first.evaluate(RECTANGLE)
        return [(x - left) / width, (y - top) / height]

    before = place()
    page.mouse.move(x, y)
    page.mouse.wheel(0, -700)
    assert place() == pytest.approx(before, abs=2e-3)


def test_two_fingers_zoom(visit: Callable[..., Page]) -> None:
    page = visit(has_touch=True, viewport={"width": 390, "height": 844})
    page.locator(".enlarge").first.click()
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *xs: int) -> None:
        points = [{"x": x, "y": 450, "id": number} for number, x in enumerate(xs)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 120, 160)
    send("touchMove", 100, 200)
    send("touchMove", 60, 260)
    send("touchEnd")
    assert zoom_of(page) > 2
    shoot(page, "pinched-phone")


def test_arrow_keys_change_the_view_and_escape_gives_back_the_page(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(".enlarge").first.focus()
    page.keyboard.press("Enter")
    title = page.locator(".lightbox h2")
    page.keyboard.press("ArrowRight")
    assert title.inner_text().startswith("001.jpg")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert title.inner_text().startswith("002.jpg"), "it goes round"
    page.keyboard.press("Escape")
    assert page.locator(".lightbox[open]").count() == 0
    assert page.evaluate("document.activeElement.className") == "enlarge", "the keyboard is where it was"


def test_pointing_at_a_picture_names_the_segment(visit: Callable[..., Page]) -> None:
    page = visit()
    stack = page.locator(".stack").first
    box = stack.bounding_box()
    assert box
    stack.hover(position={"x": box["width"] * 90 / 320, "y": box["height"] * 130 / 240})
    sync_api.expect(page.locator(".pointed")).to_have_text("mug")
    stack.hover(position={"x": 20, "y": box["height"] * 200 / 240})
    sync_api.expect(page.locator(".pointed")).to_have_text(NAMES[1])
    stack.hover(position={"x": 20, "y": 20})
    sync_api.expect(page.locator(".pointed")).to_have_text("no segment")
    page.mouse.move(5, 5)
    sync_api.expect(page.locator(".pointed")).to_be_hidden()


def test_a_click_on_a_segment_lights_it_in_every_view_and_escape_clears_it(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator("#segment-2 button").click()
    sync_api.expect(page.locator(".chosen .where")).to_have_text("in 3 of the 3 views here")
    assert page.locator(".stack.lit").count() == 3
    assert page.locator("#segment-2 button").get_attribute("aria-pressed") == "true"
    page.locator("#views").scroll_into_view_if_needed()
    shoot(page, "lit")
    page.locator(".chosen .show").click()
    assert "lit" in (page.locator(".stage").get_attribute("class") or "")
    shoot(page, "lit-enlarged")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.locator(".stack.lit").count() == 0
    assert page.locator(".chosen").is_hidden()


def test_a_click_in_the_enlarged_picture_lights_what_is_there(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(".enlarge").first.click()
    left, top, width, height = page.locator(".sheet").first.evaluate(RECTANGLE)
    page.mouse.click(left + width * 90 / 320, top + height * 130 / 240)
    sync_api.expect(page.locator(".chosen b")).to_have_text("mug")


def test_segments_are_found_sorted_and_shown_in_full(visit: Callable[..., Page]) -> None:
    page = visit()
    shown = page.locator(".segments tbody tr:visible")
    assert shown.count() == 40
    page.locator(".more").click()
    assert shown.count() == 60
    search = page.locator(".search input[type=search]")
    search.fill("MUG")
    assert [row.get_attribute("data-segment") for row in shown.all()] == ["2"]
    sync_api.expect(page.locator(".search output")).to_have_text("1 of 60")
    search.fill("")
    page.locator(".search [name=noisy]").check()
    assert [row.get_attribute("data-segment") for row in shown.all()] == ["3"]
    page.locator(".search [name=noisy]").uncheck()
    page.locator("thead button", has_text="Confidence").click()
    assert shown.first.get_attribute("data-segment") == "3"
    page.locator("thead button", has_text="Confidence").click()
    assert shown.first.get_attribute("data-segment") == "1"
    assert page.locator("th[data-sort=confidence]").get_attribute("aria-sort") == "descending"
    page.locator("thead button", has_text="Segment").click()
    assert shown.first.get_attribute("data-segment") == "2"
    page.locator("#segments").scroll_into_view_if_needed()
    shoot(page, "segments")


def test_a_finding_leads_to_masks_beside_segments_and_to_its_segment(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(".proof a").first.click()
    assert page.locator(".lightbox [name=left]").input_value() == "masks"
    assert page.locator(".lightbox [name=right]").input_value() == "segments"
    assert page.locator(".lightbox h2").inner_text().startswith("001.jpg")
    page.keyboard.press("Escape")
    page.get_by_role("link", name=NAMES[2]).click()
    sync_api.expect(page.locator("#segment-2")).to_be_in_viewport()
    assert page.locator("#segment-2").get_attribute("class") == "on"


def test_without_scripts_all_layers_and_all_segments_are_there(visit: Callable[..., Page]) -> None:
    page = visit(java_script_enabled=False)
    assert page.locator("figure:visible").count() == 12
    assert page.locator(".segments tbody tr:visible").count() == 60
    assert page.locator(".controls:visible, .theme:visible, .lightbox:visible").count() == 0
    shoot(page, "no-scripts", full_page=True)


def test_on_paper_all_is_there_and_nothing_floats(visit: Callable[..., Page]) -> None:
    page = visit(color_scheme="dark")
    page.locator("#segment-2 button").click()
    page.emulate_media(media="print")
    assert page.locator("figure:visible").count() == 12
    assert page.locator(".segments tbody tr:visible").count() == 60
    assert page.locator(".top:visible, .chosen:visible, .controls:visible").count() == 0
    shoot(page, "print", full_page=True)


def test_every_control_has_a_name_and_text_stands_out(visit: Callable[..., Page]) -> None:
    page = visit()
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, input, select")].filter((element) => !(element.textContent.trim()
        || element.ariaLabel || element.closest("label")?.textContent.trim())).map((element) => element.outerHTML)"""
    )
    assert unnamed == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        contrasts = page.evaluate(CONTRASTS)
        assert min(contrasts.values()) >= 4.5, (scheme, contrasts)


CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (color) => {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "white";
  };
  const found = {};
  for (const name of [".subtitle", ".note", "dt", "h1", ".badge", ".badge.bad", ".facts", ".level", ".finding p", "a",
    ".id", ".remark", "thead th", "summary", "footer"]) {
    const element = document.querySelector(name);
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    found[name] = (a + 0.05) / (b + 0.05);
  }
  return found;
}"""

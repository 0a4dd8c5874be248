// Draws strokes on the picture and sends them; lights what a click would take, as the server tells.
//
// splatsegBegin(ear) is called once per page, with the id of the hidden control that takes messages (panels/links.py):
//   stroke:TOOL:HOW:RADIUS:x,y x,y ...     points from 0 to 1, from the left and the top; the radius in heights
//   hover:x,y                              the place under the pointer, while nothing is pressed; then ":dark" if
//                                          nothing is lit at present
//   tap:HOW:x,y                            a tap of a finger, for which viser sends no click
// window.splatsegStrokes then takes: set({tool, how, radius}), light(path, text), dark().

const MOVED = 3; // pixels from which on a press is no click any more
const SPACING = 2; // least pixels between two points of a stroke
const CLOSE = 10; // pixels within which a click on the first corner closes a polygon
const MOST = 3000; // points of a stroke: a message has at most 64 KB
const HOVERING = 60; // milliseconds between two places of the pointer that are sent

window.splatsegBegin = (ear) => {
  window.splatsegStrokes?.end();
  const aborted = new AbortController();
  const state = { tool: "click", how: "new", radius: 24 };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const label = document.createElement("div");
  let points = [];
  let pointer = null;
  let press = null;
  let sent = 0;
  let waiting = null;
  let shown = false;

  svg.id = "splatseg-strokes";
  svg.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;z-index:1";
  svg.innerHTML =
    '<path class="lit"/><path class="under"/><path class="stroke"/><circle class="tip" fill="none" r="0"/>' +
    "<style>#splatseg-strokes path{fill:none}#splatseg-strokes .lit{stroke:#fff;stroke-width:2;stroke-opacity:.9;" +
    "fill:#fff;fill-opacity:.12;fill-rule:evenodd}#splatseg-strokes .under{stroke:#000;stroke-opacity:.6;" +
    "stroke-width:4}#splatseg-strokes .stroke{stroke:#ffb020;stroke-width:2}" +
    "#splatseg-strokes .tip{stroke:#ffb020;stroke-width:1.5}</style>";
  label.id = "splatseg-hover";
  label.style.cssText =
    "position:absolute;pointer-events:none;z-index:2;padding:2px 7px;border-radius:4px;font:13px system-ui,sans-serif;" +
    "background:rgba(20,20,20,.8);color:#fff;white-space:nowrap;display:none";
  const [lit, under, stroke, tip] = svg.children;

  const canvas = () => window.__viserMutable?.canvas;
  const home = () => canvas()?.parentElement;
  const box = () => canvas().getBoundingClientRect();
  const onPicture = (event) => home()?.contains(event.target) ?? false;
  const place = (event) => [event.clientX - box().left, event.clientY - box().top];
  const share = ([x, y]) => `${(x / box().width).toFixed(4)},${(y / box().height).toFixed(4)}`;
  // viser draws rectangles itself, but not those of a finger (see `down`).
  const drawing = () => (state.tool === "rectangle" ? press?.unheard : state.tool !== "click");
  const howOf = (event) =>
    event.shiftKey ? "add" : event.ctrlKey || event.metaKey || event.altKey ? "remove" : state.how;

  function attach() {
    const parent = home();
    if (parent && svg.parentElement !== parent) parent.append(svg, label);
  }

  function send(text) {
    window.__viserMutable?.sendMessage({
      type: "GuiUpdateMessage",
      uuid: ear,
      updates: { value: `${performance.now()} ${text}` },
    });
  }

  function paint() {
    const brush = state.tool === "brush";
    const closed = state.tool !== "brush" && state.tool !== "polygon" && points.length > 2;
    const line = pointer && state.tool === "polygon" && points.length ? [...points, pointer] : points;
    const path = line.length ? `M${line.map((each) => each.join(" ")).join("L")}${closed ? "Z" : ""}` : "";
    for (const each of [under, stroke]) {
      each.setAttribute("d", path);
      each.style.strokeLinecap = each.style.strokeLinejoin = "round";
    }
    stroke.style.strokeWidth = brush ? 2 * state.radius : 2;
    stroke.style.strokeOpacity = brush ? 0.35 : 1;
    under.style.display = brush ? "none" : "";
    tip.setAttribute("r", drawing() && pointer && brush ? state.radius : 0);
    if (pointer) {
      tip.setAttribute("cx", pointer[0]);
      tip.setAttribute("cy", pointer[1]);
    }
    if (canvas()) canvas().style.cursor = drawing() ? "crosshair" : "";
  }

  const corners = ([x0, y0], [x1, y1]) => [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];

  function finish(how) {
    const step = Math.ceil(points.length / MOST);
    const kept = points.filter((_, number) => number % step === 0 || number === points.length - 1);
    if (kept.length >= (state.tool === "brush" ? 1 : 3)) {
      const radius = (state.radius / box().height).toFixed(5);
      send(`stroke:${state.tool}:${how}:${radius}:${kept.map(share).join(" ")}`);
    }
    points = [];
    paint();
  }

  function swallow(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  function down(event) {
    attach();
    dark();
    if (!onPicture(event) || event.button !== 0) return;
    // A finger's pointer belongs to the canvas from the start, and viser leaves such a pointer to its gizmos.
    const unheard = event.target.hasPointerCapture?.(event.pointerId) ?? false;
    const touch = event.pointerType === "touch";
    press = { id: event.pointerId, at: place(event), how: howOf(event), touch, unheard };
    if (!drawing()) return;
    swallow(event);
    if (state.tool === "polygon") {
      const near = points.length > 2 && Math.hypot(press.at[0] - points[0][0], press.at[1] - points[0][1]) < CLOSE;
      press.polygon = true;
      if (near) finish(points.how);
      else {
        if (!points.length) points.how = press.how;
        points.push(press.at);
      }
    } else {
      points = [press.at];
    }
    pointer = press.at;
    paint();
  }

  function move(event) {
    if (!canvas()) return;
    pointer = place(event);
    if (press?.id === event.pointerId && drawing()) {
      swallow(event);
      const last = points.at(-1);
      if (state.tool === "rectangle") points = corners(press.at, pointer);
      else if (!press.polygon && last && Math.hypot(pointer[0] - last[0], pointer[1] - last[1]) >= SPACING) {
        points.push(pointer);
      }
    } else if (!onPicture(event)) {
      pointer = null;
      dark();
    } else if (!event.buttons && !drawing()) hover();
    if (pointer) label.style.transform = `translate(${pointer[0] + 14}px,${pointer[1] + 16}px)`;
    if (drawing() || points.length) paint();
  }

  function up(event) {
    if (press?.id !== event.pointerId) return;
    const { at, how, touch, unheard, polygon } = press;
    const [x, y] = place(event);
    const moved = Math.max(Math.abs(x - at[0]), Math.abs(y - at[1]));
    const drawn = drawing();
    press = null;
    // viser calls a press that moves by more than a few pixels a drag, and a finger always moves.
    if (touch && !polygon && moved <= (drawn ? 0 : 3 * MOVED) && (unheard || moved > MOVED)) {
      if (drawn) swallow(event);
      if (!drawn || state.tool === "rectangle") send(`tap:${how}:${share(at)}`);
      else finish(how);
    } else if (drawn) {
      swallow(event);
      if (!polygon) finish(how);
    }
    if (drawn) {
      points = polygon ? points : [];
      if (touch) pointer = null;
      paint();
    }
  }

  function abandon(event) {
    if (event && press?.id !== event.pointerId) return;
    press = null;
    points = [];
    paint();
  }

  function key(event) {
    if (!points.length || state.tool !== "polygon") return;
    if (event.key === "Escape") abandon();
    else if (event.key === "Enter") finish(points.how);
    else if (event.key === "Backspace") points.pop();
    else return;
    swallow(event);
    paint();
  }

  function twice(event) {
    if (state.tool !== "polygon" || !onPicture(event) || !points.length) return;
    swallow(event);
    points.pop(); // the second press of the two added a corner on top of the last
    finish(points.how);
  }

  function hover() {
    const now = performance.now();
    clearTimeout(waiting);
    if (now - sent < HOVERING) {
      waiting = setTimeout(hover, HOVERING);
      return;
    }
    if (!pointer || press) return;
    sent = now;
    send(`hover:${share(pointer)}${shown ? "" : ":dark"}`);
  }

  function light(path, text) {
    attach();
    lit.setAttribute("d", path);
    shown = path !== "";
    const { width, height } = box();
    // Points come from 0 to 1, so that the outline fits whatever size the page has by now.
    lit.setAttribute("transform", `scale(${width} ${height})`);
    lit.style.vectorEffect = "non-scaling-stroke";
    label.textContent = text;
    label.style.display = text && pointer ? "block" : "none";
    label.style.left = label.style.top = 0;
  }

  function dark() {
    shown = false;
    lit.setAttribute("d", "");
    label.style.display = "none";
  }

  const options = { capture: true, signal: aborted.signal };
  const listeners = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: abandon };
  for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener, options);
  window.addEventListener("dblclick", twice, options);
  window.addEventListener("keydown", key, options);
  window.addEventListener("wheel", dark, { ...options, passive: true });
  window.splatsegStrokes = {
    set(changes) {
      if (changes.tool && changes.tool !== state.tool) abandon();
      Object.assign(state, changes);
      attach();
      dark();
      paint();
    },
    light,
    dark,
    end() {
      aborted.abort();
      svg.remove();
      label.remove();
    },
  };
};

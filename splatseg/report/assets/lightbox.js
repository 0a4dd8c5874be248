// One view in the whole window: both layers zoom and move together under the slider.
const CLOSEST = 24; // times the size that fits
const lightbox = document.querySelector(".lightbox");
const stage = lightbox.querySelector(".stage");
const choice = lightbox.querySelector("form");
const divide = stage.querySelector(".slider");
const sheets = { left: stage.querySelector(".pane.left .sheet"), right: stage.querySelector(".pane.right .sheet") };
const at = { index: 0, width: 1, height: 1, fit: 1, zoom: 1, x: 0, y: 0 }; // fit: window pixels per picture pixel

function enlarge(index, left, right) {
  at.index = (index + views.length) % views.length;
  const view = views[at.index];
  for (const [side, wanted] of [
    ["left", left],
    ["right", right],
  ]) {
    choice[side].replaceChildren(
      ...view.figures.map((figure) => new Option(figure.querySelector("figcaption").textContent, figure.dataset.layer)),
    );
    choice[side].value = figureOf(view, wanted).dataset.layer;
  }
  lightbox
    .querySelector("h2")
    .replaceChildren(...[...view.card.querySelector("h3").childNodes].map((node) => node.cloneNode(true)));
  lightbox.querySelector("h2").append(` ${at.index + 1} of ${views.length}`);
  if (!lightbox.open) lightbox.showModal();
  onTop(chosen);
  for (const button of lightbox.querySelectorAll(".previous, .next")) button.hidden = views.length < 2;
  showSheets();
  fitWindow();
  stage.focus();
}

function showSheets() {
  const view = views[at.index];
  for (const side of ["left", "right"]) {
    const figure = figureOf(view, choice[side].value);
    const source = figure.querySelector("img");
    const image = sheets[side].querySelector("img");
    image.src = source.src;
    image.alt = source.alt;
    stage.querySelector(`.tag.${side}`).textContent = figure.querySelector("figcaption").textContent;
    [at.width, at.height] = [Number(source.getAttribute("width")), Number(source.getAttribute("height"))];
  }
  stage.classList.toggle("alone", choice.left.value === choice.right.value);
  for (const sheet of Object.values(sheets)) {
    Object.assign(sheet.style, { width: `${at.width}px`, height: `${at.height}px` });
  }
  stage.classList.toggle("lit", Boolean(view.lit));
  stage.style.setProperty("--lit", view.lit || "none");
}

function fitWindow() {
  at.fit = Math.min(stage.clientWidth / at.width, stage.clientHeight / at.height) || 1;
  Object.assign(at, { zoom: 1, x: 0, y: 0 });
  place();
}

// Keeps the picture in the window: centred if it is smaller, without a gap if it is larger.
function inWindow(offset, size, window) {
  return size <= window ? (window - size) / 2 : Math.min(0, Math.max(window - size, offset));
}

function place() {
  const scale = at.fit * at.zoom;
  at.x = inWindow(at.x, at.width * scale, stage.clientWidth);
  at.y = inWindow(at.y, at.height * scale, stage.clientHeight);
  for (const sheet of Object.values(sheets)) sheet.style.transform = `translate(${at.x}px, ${at.y}px) scale(${scale})`;
  stage.classList.toggle("pixels", scale * devicePixelRatio > 4);
  stage.dataset.zoom = at.zoom.toFixed(3);
}

// Zooms by a factor around a point of the window, which stays in place.
function zoomBy(factor, clientX, clientY) {
  const box = stage.getBoundingClientRect();
  const [x, y] = [(clientX ?? box.left + box.width / 2) - box.left, (clientY ?? box.top + box.height / 2) - box.top];
  const zoom = Math.min(CLOSEST, Math.max(1, at.zoom * factor));
  at.x = x - ((x - at.x) * zoom) / at.zoom;
  at.y = y - ((y - at.y) * zoom) / at.zoom;
  at.zoom = zoom;
  place();
}

// Returns the position of the pointer in the picture: x and y, 0..1 inside it.
function onPicture(event) {
  const box = stage.getBoundingClientRect();
  const scale = at.fit * at.zoom;
  return [(event.clientX - box.left - at.x) / scale / at.width, (event.clientY - box.top - at.y) / scale / at.height];
}

const fingers = new Map(); // the last event of every pointer that is down
let travelled = 0;
let click = 0;

stage.addEventListener("pointerdown", (event) => {
  if (event.target === divide || event.button > 0) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  if (fingers.size === 1) travelled = 0;
  stage.classList.add("held");
});
stage.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) {
    if (event.pointerType !== "touch") point(event, views[at.index], ...onPicture(event));
    return;
  }
  pointNowhere();
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  travelled += Math.hypot(dx, dy);
  const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
  if (other) {
    const distance = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
    zoomBy(
      distance(event) / Math.max(distance(before), 1),
      (event.clientX + other.clientX) / 2,
      (event.clientY + other.clientY) / 2,
    );
  }
  const share = other ? 0.5 : 1; // two fingers move the picture by the mean of both
  at.x += share * dx;
  at.y += share * dy;
  place();
  fingers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    const clicked = fingers.delete(event.pointerId) && end === "pointerup" && travelled < 5 && !fingers.size;
    stage.classList.toggle("held", fingers.size > 0);
    if (!clicked) return;
    const [index, place] = [at.index, onPicture(event)];
    clearTimeout(click);
    click = setTimeout(async () => {
      const id = await idAt(views[index], ...place);
      if (id || lit) light(id === lit ? 0 : id);
    }, 220); // wait, it may become a double click
  });
}
stage.addEventListener("pointerleave", pointNowhere);
stage.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 24 : 1;
    zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), event.clientX, event.clientY);
  },
  { passive: false },
);
stage.addEventListener("dblclick", (event) => {
  clearTimeout(click);
  if (at.zoom > 1) fitWindow();
  else zoomBy(3, event.clientX, event.clientY);
});
divide.addEventListener("input", () => stage.style.setProperty("--at", divide.value / 100));
choice.addEventListener("change", showSheets);
document.addEventListener("lit", () => lightbox.open && showSheets());
addEventListener("resize", () => lightbox.open && fitWindow());

function step(by) {
  enlarge(at.index + by, choice.left.value, choice.right.value);
}
const press = (name, action) => lightbox.querySelector(name).addEventListener("click", action);
press(".in", () => zoomBy(1.6));
press(".out", () => zoomBy(1 / 1.6));
press(".fit", fitWindow);
press(".close", () => lightbox.close());
press(".previous", () => step(-1));
press(".next", () => step(1));
lightbox.addEventListener("close", () => {
  fingers.clear();
  pointNowhere();
  onTop(chosen);
});
lightbox.addEventListener("keydown", (event) => {
  if (event.target === divide || event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey)
    return;
  const actions = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    "+": () => zoomBy(1.6),
    "=": () => zoomBy(1.6),
    "-": () => zoomBy(1 / 1.6),
    0: fitWindow,
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});

for (const [index, view] of views.entries()) {
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "enlarge",
    textContent: "⤢",
  });
  button.setAttribute("aria-label", `Enlarge ${view.name}`);
  button.addEventListener("click", () => enlarge(index, layers.left.value, layers.right.value));
  view.stack.append(button);
  view.stack.addEventListener("click", (event) => {
    if (event.target !== view.slider && event.target !== button) enlarge(index, layers.left.value, layers.right.value);
  });
}
chosen
  .querySelector(".show")
  .addEventListener("click", () => enlarge(Number(chosen.dataset.view), layers.left.value, layers.right.value));
for (const link of document.querySelectorAll("[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    // A finding is proved by the input masks next to the segments.
    enlarge(
      views.findIndex((view) => view.card.id === link.dataset.view),
      "masks",
      "segments",
    );
  });
}

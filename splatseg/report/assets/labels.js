// Label maps: name the segment under the pointer, and light one segment in every view. A pixel's colour is its id.
const DIM = [8, 10, 13, 168];
const LINE = [255, 176, 32, 255];

const rows = [...document.querySelectorAll(".segments tbody tr")];
const segments = new Map(
  rows.map((row) => [
    Number(row.dataset.segment),
    { row, name: row.querySelector(".name").textContent, color: row.querySelector(".swatch").style.background },
  ]),
);
const pointed = document.querySelector(".pointed");
const chosen = document.querySelector(".chosen");
let lit = 0; // id of the lit segment, 0 for none

// Returns {width, height, ids, counts} of a view, decoded on first use; null if it has no label map.
function labelsOf(view) {
  view.labels ||= view.card.dataset.labels ? decoded(view.card.dataset.labels) : Promise.resolve(null);
  return view.labels;
}

async function decoded(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const ids = new Uint32Array(width * height);
  const counts = new Map();
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const id = data[4 * pixel] + 256 * data[4 * pixel + 1] + 65536 * data[4 * pixel + 2];
    ids[pixel] = id;
    counts.set(id, (counts.get(id) || 0) + 1);
  }
  return { width, height, ids, counts };
}

// Returns the id at x, y in 0..1 of a view's picture; 0 if there is none.
async function idAt(view, x, y) {
  const labels = await labelsOf(view);
  if (!labels || x < 0 || y < 0 || x >= 1 || y >= 1) return 0;
  return labels.ids[Math.floor(y * labels.height) * labels.width + Math.floor(x * labels.width)];
}

// Shows the name of the segment at a place of a picture, next to the pointer.
async function point(event, view, x, y) {
  const { clientX, clientY } = event;
  point.latest = event;
  const labels = await labelsOf(view);
  const id = await idAt(view, x, y);
  if (point.latest !== event) return; // the pointer moved while the label map was decoded
  pointed.hidden = !labels || x < 0 || y < 0 || x >= 1 || y >= 1;
  if (pointed.hidden) return;
  pointed.textContent = id ? segments.get(id)?.name || `segment ${id}` : "no segment";
  onTop(pointed);
  const { width, height } = pointed.getBoundingClientRect();
  const left = Math.min(clientX + 14, innerWidth - width - 6);
  const top = clientY + 20 + height > innerHeight ? clientY - height - 12 : clientY + 18;
  pointed.style.transform = `translate(${left}px, ${top}px)`;
}

// Moves a floating element into the dialog while that is open, which would cover it otherwise.
function onTop(element) {
  const place = document.querySelector("dialog[open]") || document.body;
  if (element.parentElement !== place) place.append(element);
}

function pointNowhere() {
  point.latest = null;
  pointed.hidden = true;
}

// Returns a picture that dims all but one segment and draws its outline, as a data URI.
function spotlight({ width, height, ids }, id) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const { data } = picture;
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const inside = ids[pixel] === id;
      const edge =
        inside &&
        ((x > 0 && ids[pixel - 1] !== id) ||
          (x < width - 1 && ids[pixel + 1] !== id) ||
          (y > 0 && ids[pixel - width] !== id) ||
          (y < height - 1 && ids[pixel + width] !== id));
      if (edge) data.set(LINE, 4 * pixel);
      else if (!inside) data.set(DIM, 4 * pixel);
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}

async function lightUp(view, id) {
  const labels = id ? await labelsOf(view) : null;
  if (id !== lit) return; // another segment was lit meanwhile
  view.lit = labels ? `url("${spotlight(labels, id)}")` : "";
  view.stack.classList.toggle("lit", Boolean(labels));
  view.stack.style.setProperty("--lit", view.lit);
}

// Lights a segment in every view, 0 for none. The enlarged view follows by the event "lit" of the document.
async function light(id) {
  lit = id;
  for (const [key, { row }] of segments) {
    row.classList.toggle("on", key === id);
    row.querySelector(".name").setAttribute?.("aria-pressed", key === id);
  }
  chosen.hidden = !id;
  await Promise.all(views.map((view) => lightUp(view, id)));
  if (id !== lit) return;
  document.dispatchEvent(new Event("lit"));
  if (!id) return;
  const counts = await Promise.all(views.map(async (view) => (await labelsOf(view))?.counts.get(id) || 0));
  const showing = counts.filter(Boolean).length;
  const { name, color } = segments.get(id) || { name: `segment ${id}`, color: "" };
  chosen.querySelector("b").textContent = name;
  chosen.querySelector(".swatch").style.background = color;
  chosen.querySelector(".where").textContent = showing
    ? `in ${showing} of the ${views.length} views here`
    : "in none of the views here";
  chosen.querySelector(".show").hidden = !showing;
  chosen.dataset.view = counts.indexOf(Math.max(...counts));
}

chosen.querySelector(".clear").addEventListener("click", () => light(0));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && lit && !document.querySelector("dialog[open]")) light(0);
});
for (const view of views) {
  view.stack.addEventListener("pointermove", (event) => {
    const box = event.target.closest("figure")?.getBoundingClientRect() || view.stack.getBoundingClientRect();
    const height = (box.width * view.figures[0].firstChild.height) / view.figures[0].firstChild.width;
    if (event.pointerType !== "touch") {
      point(event, view, (event.clientX - box.left) / box.width, (event.clientY - box.top) / height);
    }
  });
  view.stack.addEventListener("pointerleave", pointNowhere);
}

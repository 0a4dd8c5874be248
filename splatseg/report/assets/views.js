// Two layers under a slider. A view that lacks the chosen layer shows its first one.
const views = [...document.querySelectorAll(".view")].map((card) => ({
  card,
  name: card.dataset.name,
  stack: card.querySelector(".stack"),
  figures: [...card.querySelectorAll("figure")],
}));
const layers = document.querySelector(".layers");

function figureOf(view, layer) {
  return view.figures.find((figure) => figure.dataset.layer === layer) || view.figures[0];
}

function showLayers() {
  const apart = layers.apart.checked;
  document.querySelector(".views").classList.toggle("apart", apart);
  for (const view of views) {
    const left = figureOf(view, layers.left.value);
    const right = figureOf(view, layers.right.value);
    for (const figure of view.figures) {
      figure.classList.toggle("left", figure === left && left !== right);
      figure.classList.toggle("right", figure === right && left !== right);
      figure.classList.toggle("alone", figure === left && left === right);
    }
    view.slider.hidden = left === right;
  }
}

if (layers) {
  for (const view of views) {
    view.slider = Object.assign(document.createElement("input"), {
      type: "range",
      min: 0,
      max: 100,
      value: 50,
      step: 0.5,
      className: "slider",
      autocomplete: "off",
    });
    view.slider.setAttribute("aria-label", `Line between the two layers of ${view.name}`);
    view.slider.addEventListener("input", () => view.stack.style.setProperty("--at", view.slider.value / 100));
    view.stack.append(view.slider);
  }
  layers.hidden = false;
  layers.addEventListener("change", showLayers);
  showLayers();
}

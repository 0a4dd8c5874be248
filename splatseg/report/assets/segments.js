// The table of segments: search, sort, and a click that lights a segment in the views.
const SHOWN = 40; // most rows before "Show all": longer lists are mostly noise
const table = document.querySelector("table.segments");
const search = document.querySelector(".search");
let all = rows.length <= SHOWN * 1.25;

function matches(row) {
  const query = search.query.value.trim().toLowerCase();
  const words = `${row.querySelector(".name").textContent} ${row.dataset.segment}`.toLowerCase();
  return words.includes(query) && !(search.noisy?.checked && row.dataset.noisy === "0");
}

function filterRows() {
  const found = [...table.tBodies[0].rows].filter(matches);
  const shown = new Set(all ? found : found.slice(0, SHOWN));
  for (const row of rows) row.hidden = !shown.has(row);
  search.querySelector("output").textContent = found.length === rows.length ? "" : `${found.length} of ${rows.length}`;
  more.hidden = shown.size === found.length;
  more.textContent = `Show all ${found.length}`;
}

function sortKeyOf(row, key) {
  return key === "name" ? row.querySelector(".name").textContent : Number(row.dataset[key]);
}

function sortRows(head, direction) {
  const key = head.dataset.sort;
  const sign = direction === "ascending" ? 1 : -1;
  const compare = (a, b) => {
    const [x, y] = [sortKeyOf(a, key), sortKeyOf(b, key)];
    return sign * (key === "name" ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
  };
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  filterRows();
}

function becomeButton(element, pressed) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = element.className;
  button.append(...element.childNodes);
  if (pressed) button.setAttribute("aria-pressed", "false");
  return button;
}

// Scrolls to a segment in the table, whatever filters are set, and lights it.
function goTo(id) {
  search.reset();
  all = true;
  filterRows();
  segments.get(id).row.scrollIntoView({ block: "center" });
  light(id);
}

const more = Object.assign(document.createElement("button"), { type: "button", className: "more" });
if (table) {
  table.classList.add("live");
  for (const head of table.tHead.rows[0].children) {
    if (!head.dataset.sort) continue;
    const button = becomeButton(document.createElement("span"));
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.first === "down" ? "descending" : "ascending";
      sortRows(head, !now ? first : now === "ascending" ? "descending" : "ascending");
    });
  }
  for (const row of rows) {
    const name = row.querySelector(".name");
    name.replaceWith(becomeButton(name, true));
    row.addEventListener("click", () => {
      if (getSelection().toString()) return; // text is being selected to copy it
      const id = Number(row.dataset.segment);
      light(id === lit ? 0 : id);
    });
  }
  table.parentElement.after(more);
  more.addEventListener("click", () => {
    all = true;
    filterRows();
  });
  search.hidden = false;
  search.addEventListener("input", filterRows);
  search.addEventListener("submit", (event) => event.preventDefault());
  filterRows();
}
for (const link of document.querySelectorAll("[data-segment-link]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    goTo(Number(link.dataset.segmentLink));
  });
}

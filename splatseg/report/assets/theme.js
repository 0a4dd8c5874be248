// Light, dark, or the system's theme. The choice is stored if the browser allows it.
const theme = document.querySelector(".theme");

function useTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  for (const choice of theme.querySelectorAll("input")) choice.checked = choice.value === name;
}

function remembered() {
  try {
    const name = localStorage.getItem("splatseg-theme");
    return ["light", "dark"].includes(name) ? name : "auto";
  } catch {
    return "auto"; // a page opened from disk may have no storage
  }
}

theme.addEventListener("change", (event) => {
  useTheme(event.target.value);
  try {
    localStorage.setItem("splatseg-theme", event.target.value);
  } catch {
    return;
  }
});
theme.hidden = false;
useTheme(remembered());

// Marks the section in view in the navigation.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const onPage = new Set();
const reading = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) onPage.add(target.id);
      else onPage.delete(target.id);
    }
    const current = [...links.keys()].find((id) => onPage.has(id));
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
  { rootMargin: "-15% 0px -70% 0px" },
);
for (const id of links.keys()) reading.observe(document.getElementById(id));

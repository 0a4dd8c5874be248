// Runs before viser's client does: hands on whether the system is light or dark, and tells when the server is gone.
(() => {
  const facts = JSON.parse(document.currentScript.dataset.facts);
  const PATIENCE = 2500; // milliseconds without a connection: a server that restarts is back before

  // The WebSocket that viser opens later carries this cookie.
  const light = matchMedia("(prefers-color-scheme: light)").matches;
  document.cookie = `splatseg-scheme=${light ? "light" : "dark"};path=/;samesite=strict;max-age=31536000`;

  // So is a link to a camera and a selection. It is followed once: then the page is this browser's own again.
  const link = /^#look=([\w-]{11})$/.exec(location.hash);
  document.cookie = `splatseg-look=${link ? link[1] : ""};path=/;samesite=strict;max-age=${link ? 60 : 0}`;
  if (link) history.replaceState(null, "", location.pathname + location.search);

  // viser tells nobody but exchanges the function that sends; the one without a connection only complains.
  const connected = () => {
    const send = window.__viserMutable && window.__viserMutable.sendMessage;
    return !!send && !String(send).includes("not connected");
  };

  const banner = document.createElement("div");
  banner.id = "splatseg-gone";
  banner.setAttribute("role", "alert");
  banner.style.cssText =
    "position:fixed;top:0.8em;left:50%;transform:translateX(-50%);z-index:100000;width:min(36em,calc(100vw - 1.6em));" +
    "box-sizing:border-box;padding:0.8em 1em;border-radius:6px;background:#7a2e0e;color:#fff;line-height:1.45;" +
    "font:15px/1.45 system-ui,sans-serif;box-shadow:0 4px 24px rgba(0,0,0,.5)";
  const line = (tag, text, style = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.style.cssText = style;
    return made;
  };
  const code =
    "display:block;margin:0.4em 0;padding:0.35em 0.6em;border-radius:4px;background:rgba(0,0,0,.35);" +
    "overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:13px;user-select:all";
  banner.append(
    line("b", "The server has ended; the picture stands still. "),
    line("span", "Names and selections are kept in the run. Start it again:"),
    line("code", facts.command, code),
    line("span", facts.reconnects ? "This page then connects by itself. " : "Then open the address that it prints. "),
  );
  const again = line("button", "Reload", "float:right;padding:0.15em 0.9em;border:1px solid #fff;border-radius:4px;" +
    "background:none;color:#fff;font:inherit;cursor:pointer");
  again.onclick = () => location.reload();
  banner.append(again);

  // viser tries again once a second, and only while the page has the focus; a slow server never gets that far. So, if
  // the server answers and there is still no connection a while later, the page is loaded anew.
  let answered = 0;
  setInterval(async () => {
    if (!banner.isConnected || !facts.reconnects) {
      answered = 0;
      return;
    }
    const answer = await fetch("/alive", { cache: "no-store" }).catch(() => null);
    answered = answer ? answered + 1 : 0;
    if (answered > 2 && !connected()) location.reload();
  }, 2000);

  let seen = 0;
  setInterval(() => {
    if (connected()) {
      seen = Date.now();
      banner.remove();
    } else if (seen && Date.now() - seen > PATIENCE && !banner.isConnected) {
      document.body.append(banner);
    }
  }, 300);
})();

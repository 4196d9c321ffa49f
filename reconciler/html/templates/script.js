"use strict";
(() => {
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const form = find("#filters");
  const open = (element) => {
    for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.hidden = false;
    open(target.querySelector("details") || target);
    target.scrollIntoView({ block: "start" });
  };
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });
  addEventListener("hashchange", follow);
  follow();
  if (!form) return;

  const apps = all(".app").map((element) => ({
    element,
    name: element.dataset.name.toLowerCase(),
    states: element.dataset.states.split("|"),
  }));
  const buttons = all("#filters button[data-state]");
  const search = find("#search");
  const count = find("#count");
  const none = find("#none");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = buttons.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.state);
    let shown = 0;
    for (const app of apps) {
      const fits = words.every((word) => app.name.includes(word)) &&
        (!wanted.length || wanted.some((state) => app.states.includes(state)));
      if (app.element.hidden === fits) app.element.hidden = !fits;
      shown += fits;
    }
    const total = apps.length.toLocaleString("en");
    count.textContent = shown === apps.length ? `${total} apps` : `${shown.toLocaleString("en")} of ${total} apps`;
    none.hidden = shown > 0;
  };
  const clear = () => {
    search.value = "";
    for (const one of buttons) one.setAttribute("aria-pressed", "false");
    apply();
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", apply);
  for (const one of buttons) {
    one.addEventListener("click", () => {
      one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  find("#clear").addEventListener("click", clear);
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
    if (event.key === "Escape" && typing) clear();
  });
  apply();
})();

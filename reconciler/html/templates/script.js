"use strict";
(() => {
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const form = find("#filters");
  const open = (element) => {
    for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  let showAll = () => {};
  const follow = () => {
    const id = location.hash.slice(1);
    if (!id) return;
    if (!document.getElementById(id)) showAll();
    const target = document.getElementById(id);
    if (!target) return;
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
  const list = find(".fleet");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = buttons.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.state);
    const shown = apps.filter((app) => words.every((word) => app.name.includes(word)) &&
      (!wanted.length || wanted.some((state) => app.states.includes(state))));
    // Taken out rather than hidden: to hide a thousand folded parts takes a browser seconds.
    if (shown.length < apps.length || list.children.length < apps.length) {
      list.replaceChildren(...shown.map((app) => app.element));
    }
    const noun = apps.length === 1 ? "app" : "apps";
    const total = apps.length.toLocaleString("en");
    const number = shown.length.toLocaleString("en");
    count.textContent = shown.length === apps.length ? `${total} ${noun}` : `${number} of ${total} ${noun}`;
    none.hidden = shown.length > 0;
  };
  const clear = () => {
    search.value = "";
    for (const one of buttons) one.setAttribute("aria-pressed", "false");
    apply();
  };
  showAll = clear;
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

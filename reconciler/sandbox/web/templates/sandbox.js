"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const [live, said, clock, connection] = ["live", "said", "clock", "connection"].map(find);
  const EVERY = 1000;
  const page = new URLSearchParams(location.search).get("page") || "1";
  let etag = "";
  let timer = 0;

  // Makes one element like another, keeping every node that is still there: with its focus, its scroll position, and,
  // for details, whether it is open.
  const morph = (from, to) => {
    if (from.isEqualNode(to)) return;
    if (from.nodeType !== Node.ELEMENT_NODE) {
      from.nodeValue = to.nodeValue;
      return;
    }
    const kept = (name) => name === "open" && from.tagName === "DETAILS";
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !kept(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !kept(name)) from.setAttribute(name, value);
    }
    morphChildren(from, to);
  };
  // The child that becomes `next`: the one of the same id, or else the nearest of the same kind.
  const partner = (next, at, known) => {
    if (next.id) return known.get(next.id);
    if (next.nodeType !== Node.ELEMENT_NODE) return at && at.nodeType === next.nodeType ? at : null;
    const alike = (one) => one.nodeName === next.nodeName && one.getAttribute("class") === next.getAttribute("class");
    for (let one = at; one && !one.id; one = one.nextSibling) if (alike(one)) return one;
    return null;
  };
  const morphChildren = (from, to) => {
    const wanted = new Set([...to.children].map((one) => one.id));
    for (const one of [...from.children]) if (one.id && !wanted.has(one.id)) one.remove();
    const known = new Map([...from.children].map((one) => [one.id, one]));
    let at = from.firstChild;
    const drop = () => {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    };
    for (const next of [...to.childNodes]) {
      const same = partner(next, at, known);
      if (!same) {
        from.insertBefore(document.importNode(next, true), at);
        continue;
      }
      while (at && at !== same && !at.id) drop();
      if (same === at) at = at.nextSibling;
      else from.insertBefore(same, at);
      morph(same, next);
    }
    while (at) drop();
  };

  const show = (html) => {
    morph(live, new DOMParser().parseFromString(html, "text/html").getElementById("live"));
    document.title = live.dataset.title;
  };
  const connected = (good) => {
    const text = good ? "live" : "not connected: is the sandbox still served?";
    if (connection.textContent === text) return;
    connection.textContent = text;
    connection.className = good ? "control good" : "control bad";
  };
  const apps = (open) =>
    [...live.querySelectorAll(".app")].filter((one) => one.firstChild.open === open).map((one) => one.id).join(",");
  const poll = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const headers = etag ? { "if-none-match": etag } : {};
      const options = { headers, cache: "no-store", signal: AbortSignal.timeout(10 * EVERY) };
      const query = new URLSearchParams({ page, open: apps(true), closed: apps(false) });
      const answer = await fetch(`/_page?${query}`, options);
      if (answer.status === 200) {
        show(await answer.text());
        etag = answer.headers.get("etag");
      }
      clock.textContent = answer.headers.get("x-sandbox-now") || clock.textContent;
      connected(answer.ok || answer.status === 304);
    } catch {
      connected(false);
    }
    clearTimeout(timer);
    timer = setTimeout(poll, EVERY);
  };

  const say = (text, tone) => {
    said.textContent = "";  // so that the same words are announced again
    requestAnimationFrame(() => {
      said.className = tone;
      said.textContent = text;
    });
  };
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]).slice(0, 8));
  const sentence = ({ said: text, otherwise }, result) => {
    const [first] = Object.values(result);
    return otherwise && !first ? otherwise : filled(text, result);
  };
  const press = async (button) => {
    const [method, name] = button.dataset.request.split(" ");
    const headers = { "x-sandbox-control": "page", "content-type": "application/json" };
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/_sandbox/${name}`, { method, headers, body: button.dataset.body });
      const result = await answer.json();
      if (answer.ok) say(sentence(button.dataset, result), "good");
      else say(result.message, "bad");
    } catch {
      say("The sandbox does not answer.", "bad");
    }
    button.removeAttribute("aria-busy");
    poll();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-request]");
    if (button && !button.hasAttribute("aria-busy")) press(button);
  });
  document.addEventListener("visibilitychange", poll);
  document.addEventListener("toggle", (event) => {
    if (event.target.parentElement.classList.contains("app")) poll();
  }, true);
  document.documentElement.classList.add("live");
  const target = location.hash && find(location.hash.slice(1));
  const details = target && target.querySelector("details");
  if (details) details.open = true;
  poll();
})();

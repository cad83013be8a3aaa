"use strict";
// Keeps the page, the form and the address in step. The server draws; this only asks and places.
(() => {
  const ask = document.querySelector("form.ask");
  const main = document.querySelector("#main");
  const status = document.querySelector("#status");
  const phone = matchMedia("(max-width: 640px)");
  let waiting = null;

  const asked = () =>
    new URLSearchParams([...new FormData(ask)].filter(([name, value]) => value !== "" && !(name === "geo" && value === "us")));

  // What the table shows is part of the address too: show.cloud=aws, sort=-saving_monthly.
  function address(query) {
    const shown = plans ? plans.state() : {};
    for (const [name, value] of Object.entries(shown)) query.set(name, value);
    const text = query.toString();
    return text ? `?${text}` : location.pathname;
  }

  // A new question is a step that the Back button takes back; what the table shows is not.
  const remember = (query) => history.replaceState(null, "", address(query));
  function step(query) {
    const next = address(query);
    if (new URL(next, location).href !== location.href) history.pushState(null, "", next);
  }

  // Puts what an address says into the form.
  function fill(query) {
    for (const field of ask.elements) {
      if (!field.name) continue;
      const usual = field.name === "geo" ? "us" : field.name === "model" ? ask.dataset.model : "";
      field.value = query.get(field.name) ?? usual;
    }
  }

  async function draw(place) {
    const wanted = phone.matches ? place.dataset.narrow : place.dataset.wide;
    if (place.dataset.drawn === wanted) return;
    place.dataset.drawn = wanted;
    const answer = await fetch(wanted);
    if (!answer.ok || place.dataset.drawn !== wanted) return;
    const picture = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
    place.replaceChildren(picture);
  }

  const drawAll = () => Promise.all([...main.querySelectorAll(".drawing[data-wide]")].map(draw));

  let plans = null;
  function start(state) {
    plans = startPlans(document);
    if (plans && state) plans.apply(state);
    return drawAll();
  }

  // The figures belong to another question than the form's: they go, so that nobody reads them.
  function silent() {
    const said = document.createElement("section");
    said.className = "answer error";
    said.setAttribute("role", "alert");
    const title = document.createElement("h1");
    title.textContent = "planner does not answer.";
    const why = document.createElement("p");
    why.textContent = "Is planner serve still running? Start it again, then change any field.";
    said.append(title, why);
    main.replaceChildren(said);
    plans = null;
  }

  async function update({ state = null, back = false } = {}) {
    waiting?.abort();
    const mine = new AbortController();
    waiting = mine;
    const query = asked();
    main.classList.add("waiting");
    main.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/fragment?${query}`, { signal: mine.signal });
      const text = await answer.text();
      if (waiting !== mine) return; // a later question is on its way
      const shown = state ?? (plans ? plans.state() : {});
      const made = document.createElement("template");
      made.innerHTML = text;
      main.replaceChildren(made.content);
      document.title = `planner: ${query.get("model")}`;
      status.textContent = main.querySelector("#answer, h1").textContent;
      const drawn = start(shown);
      if (!back) step(query);
      await drawn;
    } catch (error) {
      if (error.name === "AbortError" || waiting !== mine) return;
      silent();
    }
    if (waiting !== mine) return;
    main.classList.remove("waiting");
    main.removeAttribute("aria-busy");
  }

  // On a phone the answer is on the first screen: fields that are seldom changed wait behind a button.
  const more = ask?.querySelector(".more");
  if (more) {
    more.hidden = false;
    ask.classList.add("short");
    more.addEventListener("click", () => {
      const short = ask.classList.toggle("short");
      more.setAttribute("aria-expanded", String(!short));
      more.textContent = short ? "More fields" : "Fewer fields";
    });
  }

  let soon = 0;
  ask?.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(update, 120);
  });
  ask?.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(soon);
    update();
  });
  main.addEventListener("planschange", () => {
    // While an answer is under way the address is still that of the figures on the page.
    if (ask && !main.hasAttribute("aria-busy")) remember(asked());
  });
  addEventListener("popstate", () => {
    if (!ask) return;
    const query = new URLSearchParams(location.search);
    fill(query);
    update({ state: Object.fromEntries(query), back: true });
  });
  phone.addEventListener("change", drawAll);
  start(Object.fromEntries(new URLSearchParams(location.search)));
})();

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

  // What the table shows is part of the address too: show.cloud=aws, sort=-saving_percent.
  function remember(query) {
    const shown = plans ? plans.state() : {};
    for (const [name, value] of Object.entries(shown)) query.set(name, value);
    const text = query.toString();
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
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

  async function update() {
    waiting?.abort();
    waiting = new AbortController();
    const query = asked();
    main.classList.add("waiting");
    try {
      const answer = await fetch(`/fragment?${query}`, { signal: waiting.signal });
      const state = plans ? plans.state() : {};
      const made = document.createElement("template");
      made.innerHTML = await answer.text();
      main.replaceChildren(made.content);
      document.title = `planner: ${query.get("model")}`;
      status.textContent = main.querySelector("#answer, h1").textContent;
      const drawn = start(state);
      remember(query);
      await drawn;
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = "planner does not answer; is planner serve still running?";
    }
    main.classList.remove("waiting");
  }

  let soon = 0;
  ask?.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(update, 120);
  });
  ask?.addEventListener("submit", (event) => {
    event.preventDefault();
    update();
  });
  main.addEventListener("planschange", () => ask && remember(asked()));
  phone.addEventListener("change", drawAll);
  start(Object.fromEntries(new URLSearchParams(location.search)));
})();

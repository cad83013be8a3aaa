"use strict";
// Sorts, filters and exports the table of plans. Works on whatever page holds one.
// Returns what the table shows, and how to make it show that again; null where there is none.
function startPlans(root) {
  const table = root.querySelector("table.sortable");
  if (!table) return null;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const data = JSON.parse(root.querySelector("#data").textContent);
  const form = root.querySelector("form.filters");
  const count = root.querySelector(".count");

  const value = (row, field) => {
    const text = row.querySelector(`[data-field="${field}"]`).dataset.value;
    return text === "" ? null : isNaN(text) ? text : Number(text);
  };

  function filter() {
    const wanted = [...new FormData(form)].filter(([, chosen]) => chosen !== "");
    let shown = 0;
    for (const row of rows) {
      const plan = data.plans[row.dataset.plan];
      row.hidden = !wanted.every(([field, chosen]) => String(plan[field]) === chosen);
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} plans`;
    changed();
  }

  const changed = () => table.dispatchEvent(new Event("planschange", { bubbles: true }));

  function sort(button, down = button.closest("th").ariaSort === "ascending") {
    const head = button.closest("th");
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const field = button.dataset.field;
    const sign = down ? -1 : 1;
    rows.sort((a, b) => {
      const [x, y] = [value(a, field), value(b, field)];
      if (x === null || y === null) return (x === null) - (y === null); // not known comes last
      return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
    });
    body.append(...rows);
    changed();
  }

  function state() {
    const chosen = [...new FormData(form)].filter(([, value]) => value !== "");
    const sorted = table.querySelector("th[aria-sort]");
    const shown = Object.fromEntries(chosen.map(([field, value]) => [`show.${field}`, value]));
    if (sorted) shown.sort = (sorted.ariaSort === "descending" ? "-" : "") + sorted.firstElementChild.dataset.field;
    return shown;
  }

  function apply(wanted) {
    for (const select of form.querySelectorAll("select")) {
      const value = wanted[`show.${select.name}`] ?? "";
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    }
    const [, minus, field] = /^(-?)(\w+)$/.exec(wanted.sort ?? "") ?? [];
    const button = field && table.querySelector(`thead button[data-field="${field}"]`);
    if (button) sort(button, minus === "-");
    filter();
  }

  function csv() {
    const cell = (item) => {
      const text = item === null ? "" : Array.isArray(item) ? item.join("; ") : String(item);
      // A leading sign would be run as a formula by a spreadsheet.
      const safe = typeof item === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const plans = rows.filter((row) => !row.hidden).map((row) => data.plans[row.dataset.plan]);
    const lines = [data.fields, ...plans.map((plan) => data.fields.map((field) => plan[field]))];
    return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
  }

  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = `${data.model}-plans.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sort(button);
  });
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  form.querySelector(".export").addEventListener("click", save);
  return { state, apply };
}
if (!document.querySelector("form.ask")) startPlans(document);

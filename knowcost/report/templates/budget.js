/* A budget of bytes and of points: judges the rows of the tables of what can be afforded, and says which is the best.
   The rule is that of knowcost/aggregate/affordable.py. */
{
  const form = document.getElementById("budget");
  const [slider, megabytes, most, best] = ["slider", "mb", "points", "best"].map((name) =>
    document.getElementById("budget-" + name));
  /* In the order of the rows. */
  const STYLES = { yes: "holds", "cannot tell": "unsure", no: "fails" };
  const ORDER = Object.keys(STYLES);
  const number = (text) => (text ? Number(text) : NaN);
  /* As the tables have it: with a minus, and never "-0.0". */
  const told = (points) => (Math.round(10 * points) / 10 || 0).toFixed(1).replace("-", "\u2212");

  /* The ends of the slider: logarithms of bytes. */
  const known = [...document.querySelectorAll("table.affordable tr")]
    .map((row) => Math.log(number(row.dataset.loaded))).filter(isFinite);
  const [left, right] = [Math.min(...known), Math.max(...known)];

  function judge(row, budget) {
    const [loaded, low, high] = ["loaded", "low", "high"].map((name) => number(row.dataset[name]));
    if (loaded > budget.bytes) return ["no", "does not fit"];
    if (low > budget.points) return ["no", "loses more"];
    if (budget.bytes < Infinity && isNaN(loaded)) return ["cannot tell", "its size is not known"];
    if (isNaN(high)) return ["cannot tell", "its loss has no interval"];
    if (high > budget.points) return ["cannot tell", "may lose more"];
    return ["yes", budget.bytes < Infinity ? "fits and loses no more" : "loses no more"];
  }

  function write(row, [verdict, why]) {
    const cell = row.cells[0];
    cell.firstChild.textContent = verdict;
    cell.firstChild.className = "verdict " + STYLES[verdict];
    cell.lastChild.textContent = why;
    row.dataset.verdict = verdict;
  }

  /* What loses least of all that fits, whether or not that is shown to be within the budget. */
  function sentence(model, rows, budget) {
    const lost = (row) => number(row.dataset.mean);
    const fits = (row) => number(row.dataset.loaded) <= budget.bytes && !isNaN(lost(row));
    const [found] = rows.filter(fits).sort((one, other) => lost(one) - lost(other));
    if (!found) return `${model}: of nothing that fits is the loss known.`;
    const { variant, words, low, high, verdict } = found.dataset;
    const ends = !low || variant === "dense" ? "" : ` (${told(number(low))} to ${told(number(high))})`;
    return `${model}: the best that fits is ${words}, ${found.cells[3].textContent} loaded; ` +
      `it loses ${told(lost(found))} points${ends}; within the budget: ${verdict}.`;
  }

  /* The order of the rows: those that the budget allows first, and small before large. */
  function compare({ dataset: p }, { dataset: q }) {
    /* What is not known comes last. */
    const last = (text) => (text ? Number(text) : Infinity);
    const verdicts = ORDER.indexOf(p.verdict) - ORDER.indexOf(q.verdict);
    return verdicts || last(p.real) - last(q.real) || last(p.mean) - last(q.mean);
  }

  /* The first row, where it is a compression that the budget allows. */
  function smallest({ dataset: { verdict, variant, words }, cells }) {
    if (verdict !== "yes" || variant === "dense") return "no compression is shown to be within the budget";
    return `${words}, ${cells[2].textContent}`;
  }

  function apply(state) {
    const mb = number(state.mb ?? megabytes.defaultValue);
    const budget = { bytes: mb > 0 ? Math.round(mb * 1e6) : Infinity, points: number(state.points ?? most.defaultValue) };
    if (isNaN(budget.points)) budget.points = Infinity;
    if (document.activeElement !== megabytes) megabytes.value = mb > 0 ? mb : "";
    if (document.activeElement !== most) most.value = state.points ?? most.defaultValue;
    slider.value = mb > 0 ? (1000 * (Math.log(mb * 1e6) - left)) / (right - left || 1) : 1000;
    slider.setAttribute("aria-valuetext", mb > 0 ? mb + " MB" : "any size");
    const said = [];
    for (const table of document.querySelectorAll("table.affordable")) {
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) write(row, judge(row, budget));
      table.tBodies[0].append(...rows.sort(compare));
      table.closest("details").querySelector(".smallest").textContent = smallest(rows[0]);
      if (budget.bytes < Infinity) said.push(sentence(table.dataset.model, rows, budget));
    }
    best.replaceChildren(...said.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  }

  /* The buttons of the variants that the explorer shows are pressed. */
  function press(state) {
    for (const button of document.querySelectorAll(".picks button")) {
      const { model, variant, key } = button.dataset;
      const chosen = state.m === model && (state[key] ?? (key === "a" ? "dense" : "")) === variant;
      button.setAttribute("aria-pressed", chosen);
    }
  }

  function picks(table) {
    for (const row of table.tBodies[0].rows) {
      for (const [key, text] of [["a", "A"], ["b", "B"]]) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
        Object.assign(button.dataset, { model: table.dataset.model, variant: row.dataset.variant, key });
        button.title = key === "a" ? "hold others against this one" : "which facts does this one forget?";
        button.setAttribute("aria-label", `${text}: ${row.dataset.words}: ${button.title}`);
        button.addEventListener("click", () => pick(button.dataset));
        row.querySelector(".picks").append(button);
      }
    }
  }

  function pick({ model, variant, key }) {
    const other = knowcost.state.get().m === model ? {} : { a: null, b: null };
    knowcost.state.set({ ...other, m: model, [key]: variant, k: null, r: null, q: null, f: null, v: "forgotten" }, true);
    if (key === "b") document.getElementById("explore")?.scrollIntoView();
  }

  if (form) {
    /* Where the configuration names a size, the address has to say that there is none. */
    const any = megabytes.defaultValue && "any";
    /* A little more, so that the digits that are left off shut out no variant. */
    const bytes = () => 1.0005 * Math.exp(left + (slider.value / 1000) * (right - left));
    slider.addEventListener("input", () =>
      knowcost.state.set({ mb: slider.value === "1000" ? any : String(Number((bytes() / 1e6).toPrecision(4))) }));
    megabytes.addEventListener("input", () => knowcost.state.set({ mb: megabytes.value || any }));
    most.addEventListener("input", () => knowcost.state.set({ points: most.value || null }));
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const table of document.querySelectorAll("table.affordable")) picks(table);
    form.hidden = false;
    knowcost.state.listen(apply);
    knowcost.state.listen(press);
  }
}

/* A budget of bytes and of points: judges the rows of the tables of what can be afforded, and says which is the best.
   The rule is that of knowcost/aggregate/affordable.py. */
{
  const form = document.getElementById("budget");
  const [slider, megabytes, most, best] = ["slider", "mb", "points", "best"].map((name) =>
    document.getElementById("budget-" + name));
  const STYLES = { yes: "holds", "cannot tell": "unsure", no: "fails" }; // in the order of the rows
  const ORDER = Object.keys(STYLES);
  const number = (text) => (text === "" || text == null ? NaN : Number(text));

  const known = [...document.querySelectorAll("table.affordable tr")]
    .map((row) => Math.log(number(row.dataset.loaded))).filter(isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)]; // of the slider, a logarithm

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

  function size(bytes) {
    if (bytes >= 0.95e9) return (bytes / 1e9).toFixed(1) + " GB";
    return bytes >= 0.95e6 ? (bytes / 1e6).toFixed(1) + " MB" : (bytes / 1e3).toFixed(0) + " kB";
  }

  function sentence(table, rows, budget) {
    const fit = rows.filter((row) => !(number(row.dataset.loaded) > budget.bytes) && !isNaN(number(row.dataset.mean)));
    if (!fit.length) return `${table.dataset.model}: nothing fits.`;
    const lost = (row) => number(row.dataset.mean);
    const found = fit.reduce((one, other) => (lost(other) < lost(one) ? other : one));
    const { words, low, high, loaded, verdict } = found.dataset;
    const ends = low === "" || words === "uncompressed" ? "" : ` (${number(low).toFixed(1)} to ${number(high).toFixed(1)})`;
    const least = rows.filter((row) => row.dataset.verdict === "yes");
    const small = least.length ? ` The smallest that is allowed: ${least[0].dataset.words}, ${size(number(least[0].dataset.real))}.` : "";
    return `${table.dataset.model}: the best that fits is ${words}, ${size(number(loaded))} loaded; it loses ` +
      `${lost(found).toFixed(1)} points${ends}; within the budget: ${verdict}.${small}`;
  }

  function apply(state) {
    const tables = [...document.querySelectorAll("table.affordable")];
    const mb = number(state.mb ?? megabytes.defaultValue);
    const budget = { bytes: mb > 0 ? mb * 1e6 : Infinity, points: number(state.points ?? most.defaultValue) };
    if (isNaN(budget.points)) budget.points = Infinity;
    if (document.activeElement !== megabytes) megabytes.value = mb > 0 ? mb : "";
    if (document.activeElement !== most) most.value = state.points ?? most.defaultValue;
    slider.value = mb > 0 ? (1000 * (Math.log(mb * 1e6) - low)) / (high - low || 1) : 1000;
    slider.setAttribute("aria-valuetext", mb > 0 ? mb + " MB" : "any size");
    const said = tables.map((table) => {
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) write(row, judge(row, budget));
      const rank = (row) => ORDER.indexOf(row.dataset.verdict);
      rows.sort((one, other) => rank(one) - rank(other) || number(one.dataset.real) - number(other.dataset.real));
      table.tBodies[0].append(...rows);
      return sentence(table, rows, budget);
    });
    best.replaceChildren(...said.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
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
    const any = megabytes.defaultValue && "any"; // where the configuration names a size
    const bytes = () => 1.0005 * Math.exp(low + (slider.value / 1000) * (high - low)); // that digits cut off none
    slider.addEventListener("input", () =>
      knowcost.state.set({ mb: slider.value === "1000" ? any : String(Number((bytes() / 1e6).toPrecision(4))) }));
    megabytes.addEventListener("input", () => knowcost.state.set({ mb: megabytes.value || any }));
    most.addEventListener("input", () => knowcost.state.set({ points: most.value || null }));
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const table of document.querySelectorAll("table.affordable")) picks(table);
    form.hidden = false;
    knowcost.state.listen(apply);
  }
}

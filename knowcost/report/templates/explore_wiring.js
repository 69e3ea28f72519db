/* The explorer's controls, and what they show: all of it follows from the state in the page's address. */
{
  const section = document.getElementById("explore");
  const { index } = knowcost.facts;
  const find = (selector) => section.querySelector(selector);
  const OWN = ["m", "a", "b", "k", "r", "v", "q", "s", "f"];
  const EMPTY = Object.fromEntries(OWN.map((key) => [key, null]));
  const { make } = knowcost;
  const count = (number) => number.toLocaleString("en");
  let table, view, shown, chosen = false, turn = 0;

  /* The state with what it leaves out: the first model, dense against its first variant. Throws for names not here. */
  function resolved(state) {
    const model = pick(index.models, "name", state.m ?? index.models[0].name, "model");
    const slugs = model.variants.map((variant) => variant.slug);
    const [a, b] = [state.a ?? slugs[0], state.b ?? slugs[1] ?? slugs[0]];
    const names = model.asked.map((asked) => index.benchmarks[asked.benchmark].name);
    for (const slug of [a, b]) pick(model.variants, "slug", slug, `variant of ${model.name}`);
    if (state.k && !names.includes(state.k)) throw new Error(`${model.name} was not asked a benchmark “${state.k}”.`);
    const asked = model.asked.filter((_, i) => !state.k || names[i] === state.k);
    return { ...state, m: model.name, a, b, model, slugs, names, asked };
  }

  function pick(list, key, name, what) {
    const found = list.find((each) => each[key] === name);
    if (!found) throw new Error(`There is no ${what} “${name}” among these facts.`);
    return found;
  }

  /* options: [value, text]; rebuilt only where they are others, so that a list that is open stays so. */
  function fill(key, options, value) {
    const select = find(`[data-key="${key}"]`);
    const signature = JSON.stringify(options);
    if (select.signature !== signature) {
      select.replaceChildren(...options.map(([value, text]) => make("option", text, { value })));
      select.signature = signature;
    }
    select.value = value ?? "";
  }

  function fillControls(now) {
    const variants = now.model.variants.map((variant) => [variant.slug, variant.words]);
    fill("m", index.models.map((model) => [model.name, model.name]), now.m);
    fill("a", variants, now.a);
    fill("b", variants, now.b);
    fill("k", [["", "all of them"], ...now.names.map((name) => [name, name])], now.k);
    const text = find('[data-key="q"]');
    if (text !== document.activeElement) text.value = now.q ?? "";
  }

  /* The lists for a state with names that are not here, as of a page of another study, to choose others from. */
  function choices(state) {
    const model = index.models.find((each) => each.name === state.m);
    fillControls({ ...resolved({ m: model?.name }), ...state });
  }

  async function show(state) {
    const mine = ++turn;
    find(".explorer").ariaBusy = "true";
    try {
      const now = resolved(state);
      fillControls(now);
      const asked = await Promise.all(now.asked.map((each) => knowcost.facts.read(each)));
      if (mine === turn) render(now, asked);
    } catch (error) {
      if (mine === turn) {
        trouble(error.message, true);
        choices(state);
      }
      if (error.constructor !== Error) throw error;
    } finally {
      if (mine === turn) find(".explorer").ariaBusy = "false";
    }
  }

  function trouble(message, all = false) {
    find(".trouble").textContent = message;
    find(".trouble").hidden = !message;
    find(".found").hidden = all;
  }

  function render(now, asked) {
    trouble("");
    const compared = JSON.stringify([now.m, now.a, now.b, now.k]);
    const filtered = JSON.stringify([compared, now.r, now.q, now.v, now.s]);
    if (shown?.compared !== compared) {
      view = new knowcost.View(asked, now.slugs.indexOf(now.a), now.slugs.indexOf(now.b));
    }
    if (shown?.filtered !== filtered) {
      fill("r", [["", "any"], ...view.relations.map((name) => [name, name])], now.r);
      label(now);
      const { rows, counts } = view.select(now);
      say(now, counts);
      table.show(view, rows);
    }
    shown = { compared, filtered };
    open(now);
  }

  function label(now) {
    const measures = new Set(view.answers.map((each) => each.part.measure));
    const measure = measures.size === 1 ? [...measures][0] ?? "rank" : "rank or probability";
    table.labels = {};
    for (const th of section.querySelectorAll("th[data-column]")) {
      const { column } = th.dataset;
      if (column.startsWith("value")) th.firstElementChild.textContent = `${measure}, ${column.slice(-1).toUpperCase()}`;
      table.labels[column] = th.textContent;
      const by = now.s || "verdict";
      th.ariaSort = by === column ? "ascending" : by === `-${column}` ? "descending" : "none";
    }
  }

  function say(now, counts) {
    const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
    for (const button of section.querySelectorAll("[data-verdict]")) {
      const key = button.dataset.verdict;
      button.lastElementChild.textContent = count(key ? counts[key] : all);
      button.setAttribute("aria-pressed", (now.v ?? "") === key);
    }
    const where = now.k ?? (now.names.length === 1 ? now.names[0] : `${now.names.length} benchmarks`);
    const which = [where, now.r, now.q && `“${now.q}”`].filter(Boolean).join(", ");
    const found = ["kept", "forgotten", "gained", "never_known"].map((key) => `${count(counts[key])} ${key.replace("_", " ")}`);
    const missing = view.missing.length ? ` Not asked of both: ${view.missing.join(", ")}.` : "";
    find(".counts").textContent = `${which}: ${count(all)} fact${all === 1 ? "" : "s"}: ${found.join(", ")}.${missing}`;
  }

  function open(now) {
    const box = find(".opened");
    const at = now.f ? view.find(now.f) : -1;
    box.hidden = at < 0;
    if (at >= 0) knowcost.showFact(box, view, at, now.model, { ...knowcost.state.get(), m: now.m, a: now.a, b: now.b });
    else if (now.f) trouble(`There is no fact “${now.f}” among these.`);
    if (chosen) {
      box.focus({ preventScroll: true });
      box.scrollIntoView({ block: "nearest" });
    }
    chosen = false;
  }

  /* A fact was chosen. Ids are those of a benchmark: where another one has the same, its name comes along. */
  function choose(at) {
    const { id, benchmark } = view.row(at);
    chosen = true;
    knowcost.state.set(view.find(id) === at ? { f: id } : { f: id, k: benchmark }, true);
  }

  function close() {
    knowcost.state.set({ f: null });
    find(".facts").focus();
  }

  /* Another model keeps of the filter what it has, too. */
  function changed(key, value) {
    if (key !== "m") return knowcost.state.set({ [key]: value, ...(key === "k" && { r: null }), f: null });
    const model = index.models.find((each) => each.name === value);
    const has = (slug) => model.variants.some((variant) => variant.slug === slug);
    const asked = model.asked.map((each) => index.benchmarks[each.benchmark].name);
    const { a, b, k, r } = knowcost.state.get();
    const kept = asked.includes(k) ? { k, r } : { k: null, r: null };
    knowcost.state.set({ m: value, a: has(a) ? a : null, b: has(b) ? b : null, ...kept, f: null });
  }

  /* A link to facts takes the place of the whole filter; the budget stays, and the facts come into sight. */
  function follow(event) {
    const link = event.target.closest?.("a");
    const to = link?.getAttribute("href") ?? link?.getAttribute("xlink:href") ?? "";
    if (!to.startsWith("#facts?") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    knowcost.state.set({ ...EMPTY, ...Object.fromEntries(new URLSearchParams(to.slice(7))) }, true);
    section.scrollIntoView();
    find(".counts").focus({ preventScroll: true });
  }

  function listen() {
    for (const select of section.querySelectorAll("select")) {
      select.addEventListener("change", () => changed(select.dataset.key, select.value));
    }
    let typing;
    find('[data-key="q"]').addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => changed("q", event.target.value.trim()), 150);
    });
    for (const button of section.querySelectorAll("[data-verdict]")) {
      button.addEventListener("click", () => changed("v", button.dataset.verdict));
    }
    for (const th of section.querySelectorAll("th[data-column]")) {
      const { column } = th.dataset;
      th.firstElementChild.addEventListener("click", () => {
        knowcost.state.set({ s: (knowcost.state.get().s || "verdict") === column ? `-${column}` : column });
      });
    }
    find(".clear").addEventListener("click", () => {
      find('[data-key="q"]').value = "";
      const { m, a, b } = find(".found").hidden ? {} : knowcost.state.get();
      knowcost.state.set({ ...EMPTY, m, a, b });
    });
    find(".close").addEventListener("click", close);
    find(".opened").addEventListener("keydown", (event) => event.key === "Escape" && close());
    document.addEventListener("click", follow);
  }

  /* Facts are unpacked when they come near, or when the page's address asks for some. */
  function start() {
    find(".explorer").hidden = false;
    table = new knowcost.Table(find(".facts"), choose);
    listen();
    const asked = () => OWN.some((key) => key in knowcost.state.get());
    let near = false;
    knowcost.state.listen((state) => (near ||= asked()) && show(state));
    if (asked()) return section.scrollIntoView();
    new IntersectionObserver((seen, observer) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      observer.disconnect();
      near = true;
      show(knowcost.state.get());
    }, { rootMargin: "600px" }).observe(section);
  }

  if (section && index.models.length) start();
}

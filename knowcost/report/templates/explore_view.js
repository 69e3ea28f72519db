/* What is asked of the facts: two variants of a model side by side, a filter, an order. Rows are those of its benchmarks,
   one behind the other; nothing is made per row but numbers, so that 50,000 facts take milliseconds. */
{
  /* At 2 x (A is right) + (B is right). */
  const VERDICTS = ["never known", "gained", "forgotten", "kept"];
  const KEYS = VERDICTS.map((words) => words.replace(" ", "_"));
  /* In which order they are listed. */
  const INTERESTING = [3, 1, 0, 2];
  /* Of one of the two variants. */
  const NOT_ASKED = 4;

  /* The places of keys in their order, up or down (sign); what is not known comes last. */
  function sorted(keys, sign) {
    const empty = (key) => key === "" || Number.isNaN(key);
    const compare = (x, y) => {
      const [p, q] = [keys[x], keys[y]];
      if (p < q) return empty(p) ? 1 : -sign;
      if (p > q) return empty(q) ? -1 : sign;
      return empty(p) - empty(q) || x - y;
    };
    return Uint32Array.from(keys, (_, at) => at).sort(compare);
  }

  /* The same for whole numbers below 256, many times faster: key and place are one number, which sorts as itself. */
  function sortedCodes(keys, sign) {
    const n = keys.length;
    const both = Float64Array.from(keys, (key, at) => sign * key * n + at).sort();
    return Uint32Array.from(both, (each) => (each + 256 * n) % n);
  }

  class View {
    /* answers: of each benchmark (explore_data.js); a, b: places of variants among the model's. */
    constructor(answers, a, b) {
      this.answers = answers;
      this.starts = [];
      this.n = 0;
      for (const each of answers) {
        this.starts.push(this.n);
        this.n += each.n;
      }
      this.verdicts = new Uint8Array(this.n).fill(NOT_ASKED);
      this.sides = [a, b].map((variant) => answers.map((each) => this.side(each, variant)));
      this.orders = new Map();
      answers.forEach((each, i) => this.judge(each, i));
    }

    side(answers, variant) {
      const place = answers.place(variant);
      return place < 0 ? null : { place, ...answers.said(place) };
    }

    judge(answers, i) {
      const [a, b] = [this.sides[0][i], this.sides[1][i]];
      if (!a || !b) return;
      for (let row = 0, at = this.starts[i]; row < answers.n; row++, at++) {
        this.verdicts[at] = 2 * answers.right(a.place, row) + answers.right(b.place, row);
      }
    }

    /* Names of benchmarks that one of the two was not asked. */
    get missing() {
      return this.answers.filter((_, i) => !this.sides[0][i] || !this.sides[1][i]).map((each) => each.benchmark.name);
    }

    get relations() {
      return [...new Set(this.answers.flatMap((each) => each.texts.relations))].sort();
    }

    /* What is shown of a row, as {column: text}, with its verdict's key. */
    row(at) {
      let i = this.starts.length - 1;
      while (this.starts[i] > at) i--;
      const [answers, row] = [this.answers[i], at - this.starts[i]];
      const fact = answers.fact(row);
      const { texts } = answers;
      const [a, b] = this.sides.map((sides) => sides[i]);
      return {
        answers, row, id: texts.ids[fact], question: texts.questions[fact], answer: texts.answers[fact],
        relation: texts.relations[texts.relation[fact]] ?? "", benchmark: answers.benchmark.name,
        a: answers.text(a.words[row], row), b: answers.text(b.words[row], row),
        verdict: VERDICTS[this.verdicts[at]], key: KEYS[this.verdicts[at]],
        value_a: answers.number(a.values[row]), value_b: answers.number(b.values[row]),
        forgotten: String(answers.forgotten[row]),
      };
    }

    /* The row of a fact by its id, -1 if there is none. */
    find(id) {
      for (const [i, answers] of this.answers.entries()) {
        const fact = answers.texts.ids.indexOf(id);
        const row = answers.part.facts && fact >= 0 ? answers.part.facts.indexOf(fact) : fact;
        if (row >= 0 && this.sides[0][i] && this.sides[1][i]) return this.starts[i] + row;
      }
      return -1;
    }

    /* {rows: those that pass, in order; counts: of each verdict, those that pass all but the verdict}. */
    select({ r, q, v, s }) {
      const passed = new Uint8Array(this.n);
      const counts = Object.fromEntries(KEYS.map((key) => [key, 0]));
      const wanted = v ? KEYS.indexOf(v) : -1;
      let found = 0;
      this.answers.forEach((answers, i) => {
        if (!this.sides[0][i] || !this.sides[1][i]) return;
        const passes = this.filter(answers, i, r, q);
        for (let row = 0, at = this.starts[i]; row < answers.n; row++, at++) {
          if (!passes(row)) continue;
          const verdict = this.verdicts[at];
          counts[KEYS[verdict]]++;
          if (v && verdict !== wanted) continue;
          passed[at] = 1;
          found++;
        }
      });
      const rows = new Uint32Array(found);
      let next = 0;
      for (const at of this.order(s || "verdict")) if (passed[at]) rows[next++] = at;
      return { rows, counts };
    }

    /* Whether a row of one benchmark is of a relation and has a text in what was asked, is right or was said. */
    filter(answers, i, relation, text) {
      const { texts } = answers;
      const code = relation ? texts.relations.indexOf(relation) : null;
      const ofRelation = (fact) => code === null || (code >= 0 && texts.relation[fact] === code);
      if (!text) return (row) => ofRelation(answers.fact(row));
      const lower = text.toLowerCase();
      const heard = answers.part.words.map((word) => word.toLowerCase().includes(lower));
      const [a, b] = [this.sides[0][i].words, this.sides[1][i].words];
      return (row) => {
        const fact = answers.fact(row);
        return ofRelation(fact) && (texts.lower[fact].includes(lower) || heard[a[row]] || heard[b[row]]);
      };
    }

    /* All rows, sorted by a column ("-x": descending). */
    order(column) {
      if (!this.orders.has(column)) {
        const down = column.startsWith("-");
        const keys = this.keys(down ? column.slice(1) : column);
        this.orders.set(column, (keys instanceof Uint8Array ? sortedCodes : sorted)(keys, down ? -1 : 1));
      }
      return this.orders.get(column);
    }

    keys(column) {
      if (column === "verdict") return Uint8Array.from(this.verdicts, (verdict) => INTERESTING[verdict]);
      const keys = new Array(this.n);
      this.answers.forEach((answers, i) => {
        const key = this.key(column, answers, i);
        for (let row = 0, at = this.starts[i]; row < answers.n; row++, at++) keys[at] = key(row);
      });
      return keys;
    }

    /* What a column's rows of one benchmark are sorted by. */
    key(column, answers, i) {
      const { texts } = answers;
      const side = this.sides[Number(column === "b" || column === "value_b")][i];
      const lower = (name) => (row) => texts[name][answers.fact(row)].toLowerCase();
      switch (column) {
        case "answer": return lower("answers");
        case "relation": return (row) => texts.relations[texts.relation[answers.fact(row)]] ?? "";
        case "benchmark": return () => answers.benchmark.name;
        case "forgotten": return (row) => answers.forgotten[row];
        case "a": case "b": return (row) => (side ? answers.text(side.words[row], row).toLowerCase() : "");
        case "value_a": case "value_b": return (row) => (side ? side.values[row] : NaN);
        default: return lower("questions");
      }
    }
  }

  knowcost.View = View;
  knowcost.verdicts = VERDICTS;
}

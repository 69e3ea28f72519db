/* One fact under every variant of a model. */
{
  const { make } = knowcost;

  function listed(box, terms) {
    const list = box.querySelector("dl");
    list.replaceChildren(...terms.flatMap(([term, text]) => [make("dt", term), make("dd", text, { dir: "auto" })]));
  }

  /* What a variant says of a row: only the dense model's answer, and those that changed, are known. */
  function said(answers, place, row) {
    const { rows, words, values } = answers.part.said[place];
    const at = place ? rows.indexOf(row) : row;
    return at < 0 ? ["", ""] : [answers.text(words[at], row), answers.number(values[at])];
  }

  function line(answers, place, row, state, variant) {
    const right = answers.right(place, row);
    const verdict = knowcost.verdicts[2 * answers.right(0, row) + right];
    const link = make("a", variant.words, { href: `#facts?${new URLSearchParams({ ...state, b: variant.slug })}` });
    const first = make("th", "", { scope: "row" });
    first.append(link);
    const made = make("tr", "", { class: verdict.replace(" ", "_") });
    const bytes = variant.bytes ? (variant.bytes / 1e6).toFixed(1) : "";
    const cells = [right ? "right" : "wrong", place ? verdict : "", ...said(answers, place, row), bytes];
    made.append(first, ...cells.map((text) => make("td", text, { dir: "auto" })));
    if (variant.slug === state.a || variant.slug === state.b) made.setAttribute("aria-current", "true");
    return made;
  }

  /* Fill box with what view has at a row. state: with the variants a and b that are looked at. */
  knowcost.showFact = (box, view, at, model, state) => {
    const { answers, row, id, question, answer, relation, benchmark } = view.row(at);
    const { part } = answers;
    const others = part.variants.length - 1;
    const [heard, number] = said(answers, 0, row);
    box.querySelector("h3").textContent = question;
    listed(box, [
      ["right answer", answer],
      [`${model.name}, dense, said`, [heard, number].filter(Boolean).join(", ")],
      ["benchmark", [benchmark, relation, id].filter(Boolean).join(" · ")],
      ["forgotten", `under ${answers.forgotten[row]} of ${others} variants`],
    ]);
    const lines = part.variants.map((variant, place) => line(answers, place, row, state, model.variants[variant]));
    box.querySelector("tbody").replaceChildren(...lines);
    box.hidden = false;
  };
}

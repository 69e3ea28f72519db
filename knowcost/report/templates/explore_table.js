/* The table of facts: only rows that can be seen are in the document. */
{
  /* Rows drawn beyond either end. */
  const SPARE = 6;
  /* Letters of a cell, which has room for fewer: those of an answer may be a million. */
  const LETTERS = 300;

  const { make } = knowcost;

  class Table {
    /* box: what scrolls, with a table in it; open(place): called when the row at a place is chosen. */
    constructor(box, open) {
      Object.assign(this, { box, open, table: box.querySelector("table"), active: 0, rows: new Uint32Array(0) });
      this.body = this.table.tBodies[0];
      this.columns = [...this.table.querySelectorAll("th")].map((th) => th.dataset.column);
      box.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
      box.addEventListener("keydown", (event) => this.key(event));
      this.body.addEventListener("click", (event) => {
        const row = event.target.closest("tr[data-place]");
        if (row && getSelection().isCollapsed) this.choose(Number(row.dataset.place));
      });
      new ResizeObserver(() => this.measure()).observe(box);
    }

    show(view, rows) {
      Object.assign(this, { view, rows, active: 0, drawn: "" });
      this.box.setAttribute("aria-rowcount", rows.length + 1);
      this.box.scrollTop = 0;
      this.measure();
    }

    /* A row is as high as the style sheet says, which differs with the width. */
    measure() {
      if (!this.view || !this.rows.length) return this.body.replaceChildren();
      this.body.replaceChildren(this.row(0));
      this.height = this.body.rows[0].getBoundingClientRect().height || 36;
      this.drawn = "";
      this.draw();
    }

    draw() {
      if (!this.rows.length) return;
      const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - SPARE);
      const last = Math.min(this.rows.length, first + Math.ceil(this.box.clientHeight / this.height) + 2 * SPARE);
      if (this.drawn === `${first}-${last}`) return;
      this.drawn = `${first}-${last}`;
      const rows = Array.from({ length: last - first }, (_, i) => this.row(first + i));
      this.body.replaceChildren(this.space(first), ...rows, this.space(this.rows.length - last));
      this.mark();
    }

    space(count) {
      const made = make("tr", "", { class: "space", "aria-hidden": "true" });
      made.style.height = `${count * this.height}px`;
      return made;
    }

    row(place) {
      const shown = this.view.row(this.rows[place]);
      const made = make("tr", "", { id: `explore-row-${place}`, role: "row", "aria-rowindex": place + 2 });
      made.dataset.place = place;
      made.className = shown.key;
      for (const column of this.columns) {
        const cell = make("td", shown[column].slice(0, LETTERS), { role: "gridcell", dir: "auto", "data-column": column });
        cell.dataset.label = this.labels?.[column] ?? "";
        made.append(cell);
      }
      return made;
    }

    key(event) {
      if (event.target !== this.box) return;
      const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 2);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key === "Enter" || event.key === " ") this.choose(this.active);
      else if (event.key in steps) this.move(this.active + steps[event.key]);
      else return;
      event.preventDefault();
    }

    move(place) {
      this.active = Math.max(0, Math.min(this.rows.length - 1, place));
      const above = this.table.tHead.offsetHeight;
      const top = this.active * this.height;
      const room = this.box.clientHeight - above - this.height;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
      this.draw();
      this.mark();
    }

    /* The row that the keyboard is at, said to screen readers. */
    mark() {
      for (const row of this.body.rows) row.classList.toggle("active", row.dataset.place === String(this.active));
      const id = `explore-row-${this.active}`;
      if (document.getElementById(id)) this.box.setAttribute("aria-activedescendant", id);
      else this.box.removeAttribute("aria-activedescendant");
    }

    choose(place) {
      if (place >= this.rows.length) return;
      this.active = place;
      this.mark();
      this.open(this.rows[place]);
    }
  }

  knowcost.Table = Table;
}

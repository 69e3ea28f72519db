/* The facts and what was said of them, unpacked when they are first asked for: from the page, or from scripts that lie
   beside it. docs/files.md has their layout. */
{
  /* In the place of a word's number: wrong as the dense model, and what was said is not here. */
  const NOT_KEPT = -3;
  const waiting = new Map();
  const unpacked = new Map();
  const index = JSON.parse(document.getElementById("explore-index")?.textContent ?? '{"models": []}');

  /* An element with a text and attributes; texts of others are only ever texts. */
  knowcost.make = (tag, text = "", attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  /* A script beside the page calls this with its part. */
  knowcost.part = (place, text) => waiting.get(place)?.(text);

  function beside(place) {
    const name = index.parts[place].script;
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const gone = () => reject(new Error(`${name} is missing: the folder it is in belongs beside this page.`));
      waiting.set(place, resolve);
      script.onerror = gone;
      /* One that handed over its part has done so before. */
      script.onload = gone;
      script.src = name;
      document.head.append(script);
    });
  }

  async function unpack(place) {
    if (!window.DecompressionStream) throw new Error("This browser cannot unpack the facts: one of 2023 or later can.");
    const text = document.getElementById(`explore-part-${place}`)?.textContent ?? (await beside(place));
    try {
      const coded = atob(text);
      const bytes = new Uint8Array(coded.length);
      for (let i = 0; i < coded.length; i++) bytes[i] = coded.charCodeAt(i);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const data = await new Response(stream).arrayBuffer();
      const end = 4 + new DataView(data).getUint32(0, true);
      return { ...JSON.parse(new TextDecoder().decode(data.slice(4, end))), raw: new Uint8Array(data, end) };
    } catch {
      throw new Error(`Part ${place} of the facts is damaged: it cannot be unpacked.`);
    }
  }

  /* A part by its place, made ready once; one that failed is tried again. */
  function part(place, ready) {
    if (!unpacked.has(place)) {
      const promise = unpack(place).then(ready);
      promise.catch(() => unpacked.delete(place));
      unpacked.set(place, promise);
    }
    return unpacked.get(place);
  }

  function searchable(texts) {
    texts.lower = texts.questions.map((question, i) => `${question}\n${texts.answers[i]}`.toLowerCase());
    return texts;
  }

  /* Numbers instead of lists: a study has millions of them. */
  function compact(answers) {
    for (const each of answers.said) {
      let row = 0;
      each.rows = Uint32Array.from(each.rows, (step) => (row += step));
      each.words = Int32Array.from(each.words);
      each.values = Float32Array.from(each.values, (value) => value ?? NaN);
    }
    return answers;
  }

  /* What the variants of a model answer to one benchmark's facts: rows 0 to n - 1. */
  class Answers {
    constructor(benchmark, texts, part) {
      Object.assign(this, { benchmark, texts, part, n: part.facts?.length ?? benchmark.facts });
      this.width = Math.ceil(this.n / 8);
    }

    /* The fact of a row, by its place among the benchmark's texts. */
    fact(row) {
      return this.part.facts ? this.part.facts[row] : row;
    }

    /* Where a variant stands in this part, -1 if it was not asked this benchmark. */
    place(variant) {
      return this.part.variants.indexOf(variant);
    }

    bits(place) {
      return this.part.raw.subarray(place * this.width, (place + 1) * this.width);
    }

    right(place, row) {
      return (this.part.raw[place * this.width + (row >> 3)] >> (row & 7)) & 1;
    }

    /* Of every row: the number of the word that was said, and the rank or probability, NaN where it is not known. */
    said(place) {
      const words = Int32Array.from({ length: this.n }, (_, row) => (this.right(place, row) ? -1 : NOT_KEPT));
      const values = new Float32Array(this.n).fill(NaN);
      const known = this.part.said[place];
      known.rows.forEach((row, i) => {
        words[row] = known.words[i];
        values[row] = known.values[i];
      });
      return { words, values };
    }

    /* A word in words. */
    text(word, row) {
      if (word >= 0) return this.part.words[word] || "(nothing)";
      if (word === -1) return this.texts.answers[this.fact(row)];
      return word === NOT_KEPT ? "(wrong like dense)" : "(not known)";
    }

    number(value) {
      if (Number.isNaN(value)) return "";
      return this.part.measure === "rank" ? `rank ${value}` : value.toFixed(3);
    }

    /* Of every row, under how many variants it is wrong that the dense model has right. */
    get forgotten() {
      if (!this.counts) {
        this.counts = new Uint16Array(this.n);
        const dense = this.bits(0);
        for (let place = 1; place < this.part.variants.length; place++) {
          const bits = this.bits(place);
          for (let byte = 0; byte < this.width; byte++) {
            for (let lost = dense[byte] & ~bits[byte], row = 8 * byte; lost; lost >>= 1, row++) {
              this.counts[row] += lost & 1;
            }
          }
        }
      }
      return this.counts;
    }
  }

  knowcost.facts = {
    index,
    /* asked: an entry of a model's `asked`. */
    async read(asked) {
      const benchmark = index.benchmarks[asked.benchmark];
      const parts = [part(benchmark.part, searchable), part(asked.part, compact)];
      return new Answers(benchmark, ...(await Promise.all(parts)));
    },
  };
}

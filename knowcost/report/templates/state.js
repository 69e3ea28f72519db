"use strict";
/* The state of the page's scripts is the fragment of its address ("#facts?m=...&b=..."), so that a finding can be sent.
   Keys: m model, a variant held against, b variant looked at, k benchmark, r relation, v verdict, q text, s column to
   sort by ("-x": descending), f id of a fact, mb and points a budget. */
const knowcost = {};
{
  const START = "#facts?";
  const KEYS = ["m", "a", "b", "k", "r", "v", "q", "s", "f", "mb", "points"];
  const listeners = [];
  let state = {};
  let writing;

  /* Another anchor of the page ("#tables") leaves the state as it is; none at all is that of a page just opened. */
  function read() {
    if (location.hash && !location.hash.startsWith(START)) return state;
    const given = new URLSearchParams(location.hash.slice(START.length));
    return Object.fromEntries(KEYS.filter((key) => given.get(key)).map((key) => [key, given.get(key)]));
  }

  state = read();

  function tell() {
    for (const listener of listeners) listener({ ...state });
  }

  /* Browsers refuse a hundred addresses in a few seconds, which a slider that is dragged would write: one is written
     when there was nothing new for a moment. */
  function write(how = "replaceState") {
    clearTimeout(writing);
    writing = 0;
    history[how](null, "", START + new URLSearchParams(state));
  }

  knowcost.state = {
    get: () => ({ ...state }),
    set(changes, push = false) {
      if (push && writing) write();
      const merged = { ...state, ...changes };
      const kept = KEYS.filter((key) => merged[key] != null && merged[key] !== "");
      state = Object.fromEntries(kept.map((key) => [key, String(merged[key])]));
      if (push) write("pushState");
      else {
        clearTimeout(writing);
        writing = setTimeout(write, 100);
      }
      tell();
    },
    listen(listener) {
      listeners.push(listener);
      listener({ ...state });
    },
  };

  addEventListener("hashchange", () => {
    clearTimeout(writing);
    writing = 0;
    state = read();
    tell();
  });
}

// The checklist beside a new password. What it cannot know it leaves open; the server decides.
for (const list of document.querySelectorAll("[data-checks]")) {
  const input = document.getElementById(list.dataset.checks);
  const twins = { 4: "a", "@": "a", 8: "b", 3: "e", "€": "e", 6: "g", 9: "g", 1: "i", "!": "i", "|": "i", l: "i",
    0: "o", 5: "s", $: "s", 7: "t", "+": "t", 2: "z" };
  const alike = (s) => [...s.normalize("NFC").toLowerCase()].map((c) => twins[c] ?? c).join("");
  const words = (JSON.parse(list.dataset.words || "[]") ?? [])
    .flatMap((w) => [w, ...w.split(/[^\p{L}\p{N}\p{M}]+/u)]).filter((w) => [...w].length >= 3).map(alike);
  const length = (s) => [...s.normalize("NFC")].length;
  // What is left without the person's own words, repetitions not counted.
  const left = (s) => {
    s = alike(s);
    const covered = new Set();
    let occurs = false;
    for (const w of words) {
      for (let at = s.indexOf(w); at >= 0; at = s.indexOf(w, at + 1)) {
        occurs = true;
        for (let i = at; i < at + w.length; i++) covered.add(i);
      }
    }
    if (!occurs) return Infinity;
    return [...s].filter((_, i) => !covered.has(i)).join("").replace(/(.)\1+/gsu, "$1").length;
  };
  const kinds = [/\p{Lu}/u, /\p{Ll}/u, /\p{Lo}|\p{Lt}|\p{Lm}/u, /[0-9]/, /[^\p{L}0-9]/u];
  const holds = {
    length: (s, p) => length(s) >= p.n,
    too_long: (s, p) => length(s) <= p.n,
    own_word: (s, p) => left(s) >= p.n,
    complexity: (s, p) => kinds.filter((k) => k.test(s)).length >= p.n,
  };
  const show = () => {
    for (const line of list.querySelectorAll("[data-rule]")) {
      const check = holds[line.dataset.rule];
      if (!check) continue;
      const state = input.value === "" ? "" : check(input.value, JSON.parse(line.dataset.params || "{}")) ? "met" : "unmet";
      if (line.dataset.state === state) continue;
      line.dataset.state = state;
      line.querySelector("[data-says]").textContent = state ? ": " + list.dataset[state + "Text"] : "";
    }
  };
  input.addEventListener("input", show);
  show();
}

// How long a password would withstand guessing is worked out by the server, which will judge it
// in any case. It is asked when typing pauses, and only its last answer counts. While a rule beside
// the password is unmet nothing is said: the list says what to do.
for (const note of document.querySelectorAll("[data-strength]")) {
  const input = document.getElementById(note.dataset.of);
  let timer, last;
  const unmet = () => document.querySelector(`[data-checks="${input.id}"] [data-state="unmet"]`) !== null;
  const ask = async () => {
    last?.abort();
    last = new AbortController();
    try {
      const answer = await fetch(note.dataset.strength, {
        method: "POST", signal: last.signal, body: new URLSearchParams({ password: input.value }),
      });
      note.textContent = answer.ok ? await answer.text() : "";
    } catch (error) {
      if (error.name === "AbortError") return;
      note.textContent = "";
    }
    note.hidden = note.textContent === "";
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value === "" || unmet()) { last?.abort(); note.hidden = true; note.textContent = ""; return; }
    timer = setTimeout(ask, 500);
  });
}

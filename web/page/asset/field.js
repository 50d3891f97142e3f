// A button that shows what was typed. The server renders it hidden: without script it would do
// nothing.
for (const button of document.querySelectorAll("[data-show]")) {
  const input = document.getElementById(button.dataset.show);
  const set = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hideText : button.dataset.showText;
    button.setAttribute("aria-pressed", String(shown));
  };
  button.hidden = false;
  button.addEventListener("click", () => set(input.type === "password"));
  input.form.addEventListener("submit", () => set(false)); // so that browsers keep no plain text
  input.addEventListener("postern:show", () => set(true));
}

// Suggested passphrases: the server made them, the person chooses.
for (const box of document.querySelectorAll("[data-suggestions]")) {
  const list = JSON.parse(box.dataset.suggestions);
  const output = box.querySelector("output");
  const input = document.getElementById(box.dataset.into);
  let at = 0;
  box.querySelector("[data-choices]").hidden = false;
  box.querySelector("[data-another]").addEventListener("click", () => {
    at = (at + 1) % list.length;
    output.textContent = list[at];
  });
  box.querySelector("[data-use]").addEventListener("click", () => {
    input.value = list[at];
    input.dispatchEvent(new Event("postern:show"));
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  });
}

// Codes are pasted with spaces, dashes and words around them: keep what can be part of a code.
for (const input of document.querySelectorAll("input[autocomplete='one-time-code']")) {
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    const digits = text.match(/(?:^|\D)((?:\d[\s\u2010-\u2015.-]?){5,9}\d)(?!\d)/);
    if (!digits) return;
    event.preventDefault();
    input.setRangeText(digits[1].replace(/\D/g, ""), 0, input.value.length, "end");
  });
}

// A button that copies what stands elsewhere on the page.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  const before = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = button.dataset.doneText;
    setTimeout(() => { button.textContent = before; }, 4000);
  });
}

// One submission at a time: a second click changes nothing.
for (const form of document.forms) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener("pageshow", () => { sent = false; });
}

// Time that runs out: counted on the page, and said aloud only at a few moments.
for (const clock of document.querySelectorAll("[data-left]")) {
  const ends = performance.now() + Number(clock.dataset.left) * 1000;
  const language = document.documentElement.lang;
  const unit = (n, name) => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "long" }).format(n);
  const spoken = clock.parentElement.querySelector("[data-spoken]");
  const moments = [300, 120, 60, 30];
  let before = Number(clock.dataset.left);
  const sentence = (left) => clock.dataset.text.replace("{time}",
    left > 90 ? unit(Math.ceil(left / 60), "minute") : unit(left, "second"));
  const tick = () => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    const text = left > 0 ? sentence(left) : clock.dataset.over;
    if (clock.textContent !== text) clock.textContent = text;
    if (left <= 120) clock.dataset.soon = "";
    if (moments.some((m) => before > m && left <= m) || (before > 0 && left === 0)) spoken.textContent = text;
    before = left;
    if (left > 0) setTimeout(tick, 1000);
  };
  tick();
}

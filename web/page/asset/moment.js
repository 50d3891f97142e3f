// Moments, in the reader's own zone and words; the zone stands with them.
for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
  const at = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat(document.documentElement.lang,
    { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" }).format(at);
}

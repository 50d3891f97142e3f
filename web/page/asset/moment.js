// Moments: people read them in their own zone and words, administrators as logs and commands write
// them. The other form is the title.
const logs = document.querySelector(".console") !== null;
for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
  const own = new Intl.DateTimeFormat(document.documentElement.lang,
    { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" }).format(new Date(time.dateTime));
  time.title = logs ? own : time.textContent;
  if (!logs) time.textContent = own;
}

// The scoreboard beyond HTML: a chosen month is shown at once, and a table is sorted, turned and changed in place.
// Without it the month has a button, and every link of the table opens the page anew.
"use strict";

document.addEventListener("change", (event) => event.target.closest("form[data-submits-itself]")?.requestSubmit());

document.addEventListener("click", (event) => {
  const link = event.target.closest("#quality-table :is(thead, .kq-paging, .kqq-tabs) a");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  htmx.ajax("GET", link.href, { source: link, target: "#quality-table", select: "#quality-table", swap: "outerHTML" });
  history.replaceState(history.state, "", link.href);
});

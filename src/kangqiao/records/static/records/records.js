// The record view beyond HTML: the strip of months, the drawer, keys. Without it every link still opens a page:
// a link with data-drawer opens in the drawer where the page has one.
"use strict";

const COLOURS = {
  visits: "#2f5fa8",
  laboratory: "#7a4f9c",
  examinations: "#b4541a",
  medication: "#2c7a4b",
  signs: "#b33a6b",
  "public-health": "#0f6b6e",
  vaccination: "#8a6d00",
  costs: "#8fa3a9",
  registration: "#6b7fa3",
};
const drawer = document.getElementById("rv-drawer");
const drawerBody = document.getElementById("rv-drawer-body");
const filter = document.getElementById("rv-filter");
let openedFrom = null;

// -- the strip: rows by month, a click shows that month --------------------------------------------------------------

function drawStrip(place) {
  const data = JSON.parse(document.getElementById(place.dataset.strip).textContent);
  const style = getComputedStyle(document.body);
  const text = { color: "#536670", fontFamily: style.fontFamily, fontSize: 11 };
  const chart = echarts.init(place, null, { renderer: "svg" });
  chart.setOption({
    animation: false,
    textStyle: text,
    grid: { left: 4, right: 4, top: 30, bottom: 2, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 10, itemHeight: 10, itemGap: 12, textStyle: text, type: "scroll" },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, axisPointer: { type: "shadow" }, formatter: monthText },
    xAxis: { type: "category", data: data.months, axisLabel: text, axisTick: { show: false } },
    yAxis: { type: "value", show: false },
    series: data.series.map((each) => ({
      name: each.name,
      type: "bar",
      stack: "all",
      barMaxWidth: 22,
      color: COLOURS[each.theme],
      cursor: "pointer",
      data: each.rows.map((rows) => rows || null),
    })),
  });
  chart.getZr().on("click", (event) => {
    const index = chart.convertFromPixel({ xAxisIndex: 0 }, event.offsetX);
    if (event.offsetY > 28 && data.months[index]) chooseMonth(data.months[index]);
  });
  new ResizeObserver(() => chart.resize()).observe(place);
}

function monthText(bars) {
  const told = bars.filter((bar) => bar.value).map((bar) => `${bar.seriesName} ${bar.value} 天`);
  return [bars[0].name, ...(told.length ? told : ["没有记录"])].join("\n");
}

function chooseMonth(month) {
  const chip = document.getElementById("rv-month");
  const input = chip.querySelector("input");
  chip.hidden = false;
  input.value = month;
  input.checked = true;
  chip.querySelector("span").textContent = month;
  filter.dispatchEvent(new Event("change", { bubbles: true }));
}

for (const place of document.querySelectorAll("[data-strip]")) drawStrip(place);

filter?.addEventListener("change", (event) => {
  const month = document.getElementById("rv-month");
  if (event.target.name === "month" && !event.target.checked) month.hidden = true;
  if (event.target.name === "period") {
    month.querySelector("input").checked = false;
    month.hidden = true;
  }
});

const tab = document.querySelector(".rv-tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24;

// -- the drawer ------------------------------------------------------------------------------------------------------

document.addEventListener("htmx:after:swap", () => {
  if (drawer && drawerBody.childElementCount && !drawer.open) {
    drawer.showModal();
  }
  if (drawer?.open) drawer.scrollTop = 0;
});

drawer?.addEventListener("close", () => {
  drawerBody.replaceChildren();
  openedFrom?.focus();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-drawer]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (link && drawer && plain) {
    event.preventDefault();
    if (!drawer.open) openedFrom = link;
    htmx.ajax("GET", link.href, { source: link, target: "#rv-drawer-body" });
  }
  if (event.target.closest("[data-close-drawer]") || event.target === drawer) drawer.close();
  const row = event.target.closest("tr[data-opens]");
  if (row && !event.target.closest("a, button") && !getSelection().toString()) row.querySelector("a").click();
});

// -- keys: j and k move, Enter opens (it is a link), Esc closes (it is a dialog) -------------------------------------

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !["j", "k"].includes(event.key)) return;
  const within = drawer?.open ? drawer : document;
  const events = [...within.querySelectorAll(".rv-event, .rv-folded > summary")].filter((each) => each.offsetParent);
  const at = events.indexOf(document.activeElement);
  const next = events[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "center" });
});

// -- the laboratory table --------------------------------------------------------------------------------------------

document.querySelector("[data-only-flagged]")?.addEventListener("change", (event) => {
  document.body.classList.toggle("rv-only-flagged", event.target.checked);
});

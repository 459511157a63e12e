// Draws the population pyramid: <div data-pyramid="ID"> from the JSON in <script id="ID" type="application/json">:
//   {"bands": ["0–4", …], "men": [12, …], "women": [11, …]}, the youngest first. Men stand left, women right.
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const text = { color: token("--kq-muted"), fontFamily: getComputedStyle(document.body).fontFamily };
const people = (value) => Math.abs(value).toLocaleString("zh-CN");

// The next round number: 885 → 900, 12 → 15.
function rounded(most) {
  const step = 10 ** Math.floor(Math.log10(most)) / 2;
  return Math.ceil(most / step) * step;
}

function pyramidOption({ bands, men, women }) {
  const most = rounded(Math.max(2, ...men, ...women));
  const side = (name, colour, data) => ({ name, type: "bar", stack: "all", barCategoryGap: "12%", itemStyle: { color: colour }, data });
  return {
    animation: false,
    textStyle: text,
    grid: { left: 8, right: 16, top: 32, bottom: 8, containLabel: true },
    legend: { top: 0, textStyle: text },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, renderMode: "richText", valueFormatter: (value) => `${people(value)} 人` },
    xAxis: {
      type: "value",
      min: -most,
      max: most,
      minInterval: 1,
      axisLabel: { ...text, formatter: people, hideOverlap: true },
      splitLine: { lineStyle: { color: token("--kq-line") } },
    },
    yAxis: { type: "category", data: bands, axisTick: { show: false }, axisLabel: { ...text, fontSize: 11, interval: 0 } },
    series: [side("男", "#3d63a8", men.map((count) => -count)), side("女", "#b4541a", women)],
  };
}

for (const place of document.querySelectorAll("[data-pyramid]")) {
  const chart = echarts.init(place, null, { renderer: "svg" });
  chart.setOption(pyramidOption(JSON.parse(document.getElementById(place.dataset.pyramid).textContent)));
  new ResizeObserver(() => chart.resize()).observe(place);
}

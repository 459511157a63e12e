// Draws every <div class="kq-chart" data-chart="ID"> from the JSON in <script id="ID" type="application/json">:
//   {"unit": "mmHg", "normal": [60, 140], "series": [{"name": "收缩压", "points": [["2026-01-05T08:30:00+08:00", 132], …]}]}
// "ends": [0, 100] fixes the ends of the axis, null leaves one to the values.
// "words": true says that points stand at words, side by side: ["2026 年", 12].
// Times are shown as Asia/Shanghai, whatever the computer is set to.
const SHANGHAI = 8 * 3600 * 1000;
const colours = ["#0f6b6e", "#b4541a", "#3d63a8", "#7a4f9c", "#5b7a1e"];
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const text = { color: token("--kq-muted"), fontFamily: getComputedStyle(document.body).fontFamily };

// ECharts formats in UTC here; shifting by eight hours makes UTC read as the clock in Shanghai.
const wallClock = (moment) => Date.parse(moment) + SHANGHAI;

const days = {
  year: "{yyyy} 年",
  month: "{M} 月",
  day: "{M}-{d}",
  hour: "{HH}:{mm}",
  minute: "{HH}:{mm}",
  second: "{HH}:{mm}:{ss}",
};

function chartOption(data) {
  const [low, high] = data.normal || [];
  const [least, most] = data.ends || [];
  const along = data.words ? { type: "category" } : { type: "time", boundaryGap: ["2%", "2%"] };
  const whole = data.series.every((series) => series.points.every(([, value]) => Number.isInteger(value)));
  const band = data.normal && {
    silent: true,
    itemStyle: { color: "rgba(27, 110, 69, 0.09)" },
    data: [[{ yAxis: low ?? "min" }, { yAxis: high ?? "max" }]],
  };
  return {
    useUTC: true,
    animation: false,
    color: colours,
    textStyle: text,
    grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
    legend: { show: data.series.length > 1, top: 0, right: 0, textStyle: text },
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (value) => `${value} ${data.unit || ""}` },
    xAxis: { ...along, axisLabel: { ...text, hideOverlap: true, formatter: data.words ? undefined : days } },
    yAxis: {
      type: "value",
      name: data.unit,
      nameTextStyle: { ...text, align: "left" },
      scale: true,
      minInterval: whole ? 1 : undefined, // no tenths of a row
      min: least ?? (low === undefined || low === null ? undefined : (value) => Math.min(value.min, low)), // the band is in sight
      max: most ?? (high === undefined || high === null ? undefined : (value) => Math.max(value.max, high)),
      axisLabel: { ...text, showMinLabel: least === 0, showMaxLabel: most === 100 }, // other ends are no round numbers
      splitLine: { lineStyle: { color: token("--kq-line") } },
    },
    series: data.series.map((series, index) => ({
      name: series.name,
      type: "line",
      symbolSize: 7,
      lineStyle: { width: 2 },
      data: data.words ? series.points : series.points.map(([moment, value]) => [wallClock(moment), value]),
      markArea: index === 0 ? band : undefined,
    })),
  };
}

function drawCharts(root) {
  for (const place of root.querySelectorAll(".kq-chart[data-chart]:not([data-drawn])")) {
    const data = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption(chartOption(data));
    place.dataset.drawn = "yes";
    new ResizeObserver(() => chart.resize()).observe(place);
  }
}

drawCharts(document);
document.addEventListener("htmx:after:swap", () => drawCharts(document));

// Draws every <div data-waterfall="ID"> from the JSON in <script id="ID">: {"steps": [{"title", "weight", "total"}, …]},
// weights and sums in bits. Bars to the right speak for one person, to the left against it.
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function waterfallOption({ steps }) {
  const text = { color: token("--kq-muted"), fontFamily: getComputedStyle(document.body).fontFamily };
  const shown = [...steps, { title: "合计", weight: steps.at(-1).total, total: steps.at(-1).total, sum: true }];
  const spans = shown.map((step) => (step.sum ? [0, step.total] : [step.total - step.weight, step.total]));
  // What forbids weighs more than everything else together; the axis would be nothing but that bar.
  const seen = spans.flat().filter((value) => value > -60);
  const least = Math.floor(Math.min(0, ...seen)) - 1;
  const most = Math.ceil(Math.max(0, ...seen)) + 1;
  const colour = (step) => token(step.sum ? "--kq-primary" : step.weight >= 0 ? "--kq-ok" : "--kq-bad");
  return {
    animation: false,
    textStyle: text,
    grid: { left: 8, right: 48, top: 8, bottom: 8, containLabel: true },
    xAxis: { type: "value", min: least, max: most, axisLabel: text, splitLine: { lineStyle: { color: token("--kq-line") } } },
    yAxis: { type: "category", inverse: true, data: shown.map((step) => step.title), axisLabel: text, axisTick: { show: false } },
    series: [
      {
        type: "custom",
        renderItem: (parameters, api) => {
          const [from, to] = spans[parameters.dataIndex].map((value) => Math.max(value, least));
          const step = shown[parameters.dataIndex];
          const [left, middle] = api.coord([Math.min(from, to), parameters.dataIndex]);
          const [right] = api.coord([Math.max(from, to), parameters.dataIndex]);
          const height = api.size([0, 1])[1] * 0.6;
          const shape = { x: left, y: middle - height / 2, width: Math.max(right - left, 2), height };
          const words = { text: step.weight > -60 ? step.weight.toFixed(1) : "不能合并", x: right + 6, y: middle, textVerticalAlign: "middle", fill: text.color };
          return { type: "group", children: [{ type: "rect", shape, style: { fill: colour(step) } }, { type: "text", style: words }] };
        },
        data: shown.map((step, place) => [step.total, place]),
        encode: { x: 0, y: 1 },
      },
    ],
  };
}

function drawWaterfalls(root) {
  for (const place of root.querySelectorAll("[data-waterfall]:not([data-drawn])")) {
    if (!place.offsetWidth) continue; // within closed details: drawn when they open
    const data = JSON.parse(document.getElementById(place.dataset.waterfall).textContent);
    place.style.height = `${(data.steps.length + 1) * 1.75 + 2.5}rem`;
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption(waterfallOption(data));
    place.dataset.drawn = "yes";
    new ResizeObserver(() => chart.resize()).observe(place);
  }
}

drawWaterfalls(document);
document.addEventListener("htmx:after:swap", () => drawWaterfalls(document));
document.addEventListener("toggle", (event) => drawWaterfalls(event.target), true);

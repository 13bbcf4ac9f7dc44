// Draws a day's drift of the reference workload on the organizers' page, from the rows of its table, which says
// the same without it: a point for each run, the day's base as a diamond, and the tolerance as dashed lines.

const MINUTES_OF_A_DAY = 24 * 60;
const KINDS = ["before", "after", "baseline"];
const SYMBOLS = { before: "circle", after: "triangle", baseline: "diamond" };

const language = document.documentElement.lang || "es";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const hundredths = new Intl.NumberFormat(language, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero",
});

function colours() {
  // Django's admin names its own.
  const style = window.getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  return {
    text: named("--body-fg"),
    quiet: named("--body-quiet-color"),
    line: named("--hairline-color"),
    paper: named("--body-bg"),
    before: named("--link-fg"),
    after: named("--link-fg"),
    baseline: named("--body-fg"),
  };
}

function clock(minutes) {
  const whole = Math.floor(minutes);
  return `${String(Math.floor(whole / 60)).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
}

function runsOf(table) {
  return [...table.querySelectorAll("tbody tr")]
    .filter((row) => row.dataset.percent !== "")
    .map((row) => ({
      kind: row.dataset.kind,
      at: Number(row.dataset.minutes),
      percent: Number(row.dataset.percent),
    }));
}

function option(place, runs) {
  const { textPercent, textAxis, textTime } = place.dataset;
  const texts = {
    before: place.dataset.textBefore,
    after: place.dataset.textAfter,
    baseline: place.dataset.textBaseline,
  };
  const tolerance = Number(place.dataset.tolerance);
  const colour = colours();
  // Whole per cents, the same above and below.
  const most = Math.ceil(Math.max(tolerance * 1.5, ...runs.map((run) => Math.abs(run.percent) * 1.1)));
  return {
    animation: false,
    textStyle: { color: colour.text, fontFamily: "inherit" },
    legend: {
      data: KINDS.map((kind) => texts[kind]),
      textStyle: { color: colour.text },
      itemWidth: 14,
      itemGap: 24,
      top: 0,
      right: 8,
    },
    tooltip: {
      trigger: "item",
      // Part of the drawing. As HTML, ECharts would bring inline styles of its own.
      renderMode: "richText",
      confine: true,
      backgroundColor: colour.paper,
      borderColor: colour.line,
      textStyle: { color: colour.text },
      formatter: ({ seriesName, value }) =>
        `${clock(value[0])} · ${seriesName}\n${textPercent.replace("{figure}", hundredths.format(value[1]))}`,
    },
    grid: { left: 56, right: 24, top: 40, bottom: 48 },
    xAxis: {
      type: "value",
      min: 0,
      max: MINUTES_OF_A_DAY,
      interval: 180,
      name: textTime,
      nameLocation: "middle",
      nameGap: 28,
      nameTextStyle: { color: colour.quiet },
      axisLabel: { color: colour.quiet, formatter: clock, hideOverlap: true },
      axisLine: { onZero: false, lineStyle: { color: colour.quiet } },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      min: -most,
      max: most,
      name: textAxis,
      nameTextStyle: { color: colour.quiet, align: "left", padding: [0, 0, 0, -48] },
      axisLabel: { color: colour.quiet, formatter: (value) => hundredths.format(value) },
      splitLine: { lineStyle: { color: colour.line } },
    },
    series: KINDS.map((kind, index) => ({
      type: "scatter",
      name: texts[kind],
      symbol: SYMBOLS[kind],
      symbolSize: kind === "baseline" ? 14 : 9,
      itemStyle: { color: colour[kind] },
      data: runs.filter((run) => run.kind === kind).map((run) => [run.at, run.percent]),
      markLine:
        index > 0
          ? undefined
          : {
              silent: true,
              symbol: "none",
              lineStyle: { color: colour.quiet, type: "dashed" },
              label: {
                color: colour.text,
                position: "insideEndTop",
                formatter: ({ value }) => textPercent.replace("{figure}", hundredths.format(value)),
              },
              data: [{ yAxis: tolerance }, { yAxis: -tolerance }],
            },
    })),
  };
}

const place = document.getElementById("drift-chart");
const table = document.getElementById("drift-runs");
if (place !== null && table !== null) {
  const drawing = place.querySelector(".drawing");
  place.hidden = false;
  const chart = window.echarts.init(drawing, null, { renderer: "svg" });
  const draw = () => chart.setOption(option(place, runsOf(table)), true);
  draw();
  new ResizeObserver(() => chart.resize()).observe(drawing);
  dark.addEventListener("change", draw);
}

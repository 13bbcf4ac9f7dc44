// Draws one measured window of a submission's page: power against time as steps between the counter's changes,
// and below it when each case ran. The page's tables say the same without it. The colours are the page's own,
// and everything is drawn as SVG attributes, since the site's policy lets no inline style through.

const ANSWERS_WITHIN_MS = 10_000;
const LANE_PX = 22;
const MOST_LANES_PX = 110;
const AXIS_PX = 52;
// A number that does not fit into its case's bar is left out; the table has it.
const NARROWEST_LABEL_PX = 18;

const language = document.documentElement.lang || "es";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function numbers(decimals) {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

const whole = numbers(0);
const tenths = numbers(1);
const hundredths = numbers(2);

function colours() {
  const style = window.getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  return {
    curve: named("--pico-primary"),
    text: named("--pico-color"),
    quiet: named("--pico-muted-color"),
    line: named("--line"),
    case: named("--soft"),
    paper: named("--pico-card-background-color"),
  };
}

// Cases that ran at the same time lie on lanes of their own, the fewest that it takes.
function lanesOf(cases) {
  const freeFrom = [];
  return cases.map(([number, begins, ends]) => {
    let lane = freeFrom.findIndex((moment) => moment <= begins);
    if (lane === -1) {
      lane = freeFrom.length;
    }
    freeFrom[lane] = ends;
    return { number, begins, ends, lane };
  });
}

function bar(each, colour, pxPerSecond) {
  const isWide = (each.ends - each.begins) * pxPerSecond >= NARROWEST_LABEL_PX;
  return [
    {
      name: String(each.number),
      coord: [each.begins, each.lane + 0.1],
      itemStyle: { color: colour.case, borderColor: colour.curve, borderWidth: 1 },
      label: { show: isWide, position: "inside", color: colour.text, fontSize: 12 },
    },
    { coord: [each.ends, each.lane + 0.9] },
  ];
}

function timeAxis(index, figure, colour, isNamed) {
  return {
    type: "value",
    gridIndex: index,
    min: 0,
    max: figure.seconds,
    name: isNamed ? figure.text.time : "",
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: colour.quiet },
    axisLabel: {
      show: isNamed,
      color: colour.quiet,
      hideOverlap: true,
      showMaxLabel: false,
      formatter: (value) => (figure.seconds < 5 ? tenths : whole).format(value),
    },
    axisLine: { lineStyle: { color: colour.quiet } },
    axisTick: { show: isNamed },
    splitLine: { show: false },
    axisPointer: { label: { show: false } },
  };
}

function option(figure, width) {
  const colour = colours();
  const cases = lanesOf(figure.cases);
  const lanes = Math.max(1, ...cases.map((each) => each.lane + 1));
  const lanesPx = cases.length === 0 ? 0 : Math.min(lanes * LANE_PX, MOST_LANES_PX);
  const pxPerSecond = Math.max(width - AXIS_PX - 16, 1) / figure.seconds;
  const sides = { left: AXIS_PX, right: 16 };
  return {
    animation: false,
    textStyle: { color: colour.text, fontFamily: "inherit" },
    tooltip: {
      trigger: "axis",
      // Part of the drawing. As HTML, ECharts would bring inline styles of its own.
      renderMode: "richText",
      confine: true,
      backgroundColor: colour.paper,
      borderColor: colour.line,
      textStyle: { color: colour.text },
      formatter: (shown) => told(figure, cases, shown),
    },
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: colour.quiet } },
    grid: [
      { ...sides, top: 36, bottom: lanesPx + 58 },
      { ...sides, height: lanesPx, bottom: 50 },
    ],
    xAxis: [timeAxis(0, figure, colour, lanesPx === 0), timeAxis(1, figure, colour, lanesPx > 0)],
    yAxis: [
      {
        type: "value",
        gridIndex: 0,
        min: 0,
        name: figure.text.power,
        nameTextStyle: { color: colour.quiet, align: "left", padding: [0, 0, 0, -AXIS_PX + 8] },
        axisLabel: { color: colour.quiet, formatter: (value) => whole.format(value) },
        splitLine: { lineStyle: { color: colour.line } },
      },
      { type: "value", gridIndex: 1, min: 0, max: lanes, inverse: true, show: false },
    ],
    series: [
      {
        type: "line",
        step: "end",
        symbol: "none",
        data: figure.points,
        lineStyle: { color: colour.curve, width: 1.5 },
        itemStyle: { color: colour.curve },
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: colour.quiet, type: "dashed" },
          label: { color: colour.text, position: "insideEndTop", formatter: figure.text.mean },
          data: [{ yAxis: figure.mean_w }],
        },
      },
      {
        type: "line",
        xAxisIndex: 1,
        yAxisIndex: 1,
        silent: true,
        data: [],
        markArea: { silent: true, data: cases.map((each) => bar(each, colour, pxPerSecond)) },
      },
    ],
  };
}

// The step in force at the moment that is pointed at, and the cases that ran then.
function told(figure, cases, shown) {
  const at = shown[0]?.axisValue ?? 0;
  const step = figure.points.findLast(([begins]) => begins <= at) ?? figure.points[0];
  const running = cases.filter((each) => each.begins <= at && at < each.ends);
  return [
    figure.text.seconds.replace("{figure}", hundredths.format(at)),
    figure.text.watts.replace("{figure}", tenths.format(step[1])),
    ...running.map((each) => figure.text.case.replace("{number}", String(each.number))),
  ].join("\n");
}

function draw(place, figure) {
  const drawing = place.querySelector(".drawing");
  place.hidden = false;
  const chart = window.echarts.init(drawing, null, { renderer: "svg" });
  const again = () => chart.setOption(option(figure, drawing.clientWidth), true);
  again();
  new ResizeObserver(() => {
    chart.resize();
    again();
  }).observe(drawing);
  dark.addEventListener("change", again);
}

async function show(place) {
  const { textWatts, textSeconds, textPower, textTime, textCase, textMean } = place.dataset;
  try {
    const answer = await fetch(place.dataset.url, {
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    });
    if (!answer.ok || answer.redirected) {
      throw new Error(`the curve was answered with ${answer.status}`);
    }
    const text = {
      watts: textWatts,
      seconds: textSeconds,
      power: textPower,
      time: textTime,
      case: textCase,
      mean: textMean,
    };
    draw(place, { ...(await answer.json()), text });
  } catch {
    document.getElementById("power-chart-away")?.removeAttribute("hidden");
  }
}

const place = document.getElementById("power-chart");
if (place !== null) {
  show(place);
}

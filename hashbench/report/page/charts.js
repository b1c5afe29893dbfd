// Small SVG drawings: the error bar of a row, and line charts with two axes. Nothing here knows the page.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Error bar on the scale [low, high]: ties as a band, the spread over seeds as a whisker, the seeds and their mean as dots;
// an arrow at the end of the scale where the mean lies outside. Drawn as few, stretched shapes, since a page has a thousand:
// a dot is a stroke without length, which keeps its round end however the drawing is stretched.
// `bar` has mean, std, worst, best (null: unknown) and values, one per seed.
function errorBar(bar, [low, high], label) {
  const place = (value) => +Math.min(100, Math.max(0, (100 * (value - low)) / (high - low))).toFixed(2);
  const shape = (name, d) => svg("path", { class: name, d });
  const drawing = svg("svg", { class: "interval", viewBox: "0 0 100 18", preserveAspectRatio: "none", role: "img", "aria-label": label });
  drawing.append(shape("grid", "M0 9H100"));
  if (bar.mean === null) return drawing;
  if (bar.mean < low || bar.mean > high) {
    drawing.append(shape("outside", bar.mean < low ? "M2 5L0 9L2 13" : "M98 5L100 9L98 13"));
    return drawing;
  }
  if (bar.worst !== null && bar.best !== null) {
    drawing.append(shape("ties", `M${place(bar.worst)} 4H${place(bar.best)}V14H${place(bar.worst)}Z`));
  }
  if (bar.std !== null) {
    const [from, to] = [place(bar.mean - bar.std), place(bar.mean + bar.std)];
    drawing.append(shape("spread", `M${from} 9H${to}M${from} 5V13M${to} 5V13`));
  }
  drawing.append(shape("mean", `M${place(bar.mean)} 9h0`));
  const seeds = bar.values.filter((value) => value !== null && value >= low && value <= high);
  drawing.append(shape("seed", seeds.map((value) => `M${place(value)} 16h0`).join("")));
  return drawing;
}

// About `count` round numbers inside [low, high], at least `finest` apart.
function ticks(low, high, count, finest = 0) {
  const raw = Math.max((high - low) / count, finest);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

function padded(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return [low - margin, high + margin];
}

// Line chart. `lines`: {points: [[x, y], ...], style, dots}; `marks`: [x, y] of hollow dots; `keys`: {text, style}; `finest`: the
// smallest step of the ticks of x, 1 where x counts something; `ys`: the range of y, by default that of the points.
function lineChart({ title, xLabel, lines, marks = [], keys = [], finest = 1, ys = null, label }) {
  const [width, height, left, right, top, bottom] = [340, 200, 42, 16, 14, 34];
  const all = [...lines.flatMap((line) => line.points), ...marks];
  const xs = all.map((point) => point[0]);
  const [x0, x1] = Math.min(...xs) === Math.max(...xs) ? padded(xs) : [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = ys ?? padded(all.map((point) => point[1]));
  const px = (x) => +(left + ((x - x0) / (x1 - x0)) * (width - left - right)).toFixed(1);
  const py = (y) => +(height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom)).toFixed(1);
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const y of ticks(y0, y1, 4)) {
    drawing.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: py(y), y2: py(y) }));
    drawing.append(svg("text", { x: left - 5, y: py(y) + 4, "text-anchor": "end" }, String(y)));
  }
  const floor = height - bottom;
  drawing.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor }));
  for (const x of ticks(x0, x1, 5, finest)) {
    drawing.append(svg("line", { class: "axis", x1: px(x), x2: px(x), y1: floor, y2: floor + 4 }));
    drawing.append(svg("text", { x: px(x), y: floor + 16, "text-anchor": "middle" }, String(x)));
  }
  drawing.append(svg("text", { x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle" }, xLabel));
  for (const { points, style = "", dots } of lines) {
    drawing.append(svg("polyline", { class: `curve ${style}`, points: points.map(([x, y]) => `${px(x)},${py(y)}`).join(" ") }));
    if (dots || points.length === 1) {
      for (const [x, y] of points) drawing.append(svg("circle", { class: `dot ${style}`, cx: px(x), cy: py(y), r: 3 }));
    }
  }
  for (const [x, y] of marks) drawing.append(svg("circle", { class: "chosen", cx: px(x), cy: py(y), r: 3.5 }));
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.append(title);
  for (const { text, style } of keys) {
    const key = document.createElement("span");
    key.className = style;
    key.append(text);
    caption.append(key);
  }
  figure.append(caption, drawing);
  return figure;
}

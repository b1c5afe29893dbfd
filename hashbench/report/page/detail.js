// What opens below a row: its curves, its seeds, all its metrics, its hyper-parameters.

function pairs(entries) {
  return element("ul", { class: "pairs" }, ...entries.map(([key, value]) => element("li", {}, element("b", {}, key), element("span", {}, value))));
}

// Points of the mean over seeds, where all seeds have a value, and of each seed.
function curveLines({ epochs, seeds }) {
  const points = (values) => epochs.map((epoch, i) => [epoch, values[i]]).filter(([, value]) => value !== null);
  const mean = epochs.map((_, i) => {
    const here = seeds.map((values) => values[i]);
    return here.includes(null) ? null : here.reduce((a, b) => a + b, 0) / here.length;
  });
  const lines = seeds.length > 1 ? seeds.map((values) => ({ points: points(values), style: "of-seed" })) : [];
  return [...lines, { points: points(mean) }].filter((line) => line.points.length);
}

function epochChart(title, curve, chosen = []) {
  const marks = chosen.flatMap((epoch, seed) => {
    const value = curve.seeds[seed][curve.epochs.indexOf(epoch)];
    return value === undefined || value === null ? [] : [[epoch, value]];
  });
  const lines = curveLines(curve);
  if (!lines.length) return [];
  const { points } = lines.at(-1);
  const [first, last] = [points[0], points.at(-1)];
  const label = `${title}: ${first[1].toPrecision(3)} at epoch ${first[0]}, ${last[1].toPrecision(3)} at epoch ${last[0]}`;
  return [lineChart({ title, xLabel: "epoch", lines, marks, label })];
}

// [x, mean] of every metric whose name is `prefix` and a number.
function over(row, prefix) {
  return data.metrics
    .filter(({ name }) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map(({ name }) => [Number(name.slice(prefix.length)), statOf(row, name)[0]])
    .filter(([, value]) => value !== null)
    .sort((a, b) => a[0] - b[0]);
}

function charts(row) {
  const found = [];
  if (row.loss) found.push(...epochChart("Training loss", row.loss));
  if (row.validation) found.push(...epochChart(`Validation ${data.metric}`, row.validation, row.chosen));
  const atT = over(row, "precision@");
  if (atT.length > 2) {
    const label = `Precision at T: ${atT.map(([t, p]) => `${p.toFixed(3)} at ${t}`).join(", ")}`;
    found.push(lineChart({ title: "Precision at T", xLabel: "T, items retrieved", lines: [{ points: atT, dots: true }], label }));
  }
  const [precision, recall] = [over(row, "precision@r"), over(row, "recall@r")];
  if (precision.length > 1 && recall.length > 1) {
    const lines = [{ points: precision, dots: true }, { points: recall, style: "second", dots: true }];
    const keys = [{ text: "precision", style: "" }, { text: "recall, dashed", style: "second" }];
    const label = precision.map(([r, p]) => `radius ${r}: precision ${p.toFixed(3)}`).join(", ");
    found.push(lineChart({ title: "Hamming ball", xLabel: "radius", lines, keys, label }));
  }
  return found;
}

function detail(row) {
  const cell = element("div");
  const drawings = charts(row);
  if (drawings.length) cell.append(element("div", { class: "charts" }, ...drawings));
  const curves = row.loss || row.validation;
  if (curves && row.seeds.length > 1) cell.append(element("p", {}, "Curves: thin, each seed; thick, their mean; ring, the epoch that was chosen on validation."));
  if (!curves) cell.append(element("p", {}, "No curves: this run recorded no loss and no validation over epochs."));
  const seeds = row.seeds.map((seed, i) => [`seed ${seed}`, numberOf(row.values[i], 4)]);
  const all = data.metrics.map(({ name }) => {
    const [mean, std] = statOf(row, name);
    const digits = Math.abs(mean) < 10 ? 4 : 1;
    return [name, numberOf(mean, digits) + (std === null ? "" : ` ± ${std.toFixed(digits)}`)];
  });
  cell.append(element("h3", {}, `${data.metric} of each seed`), pairs(seeds), element("h3", {}, "All metrics"), pairs(all.filter(([, text]) => text !== "–")));
  cell.append(element("h3", {}, "Backbone and hyper-parameters"), pairs([["backbone", row.backbone], ...row.hparams]));
  return element("tr", { class: "detail", id: `detail-${row.id}` }, element("td", { colspan: columns.length }, cell));
}

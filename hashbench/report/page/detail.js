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

function hammingBall(precision, recall, dots) {
  const lines = [{ points: precision, dots }, { points: recall, style: "second", dots }];
  const keys = [{ text: "precision", style: "" }, { text: "recall, dashed", style: "second" }];
  const label = precision.slice(0, 4).map(([r, p]) => `radius ${r}: precision ${p.toFixed(3)}`).join(", ");
  return lineChart({ title: "Hamming ball", xLabel: "radius", lines, keys, label });
}

function precisionAt(points, dots) {
  const shown = dots ? points : [points[0], points.at(-1)];
  const label = `Precision at T: ${shown.map(([t, p]) => `${p.toFixed(3)} at ${t}`).join(", ")}`;
  return lineChart({ title: "Precision at T", xLabel: "T, items retrieved", lines: [{ points, dots }], label });
}

function precisionRecall(precision) {
  const points = precision.map((value, i) => [i / (precision.length - 1), value]);
  const label = `Precision over recall: ${[0.1, 0.5, 0.9].map((r) => `${precision[Math.round(r * (precision.length - 1))].toFixed(3)} at ${r}`).join(", ")}`;
  return lineChart({ title: "Precision over recall", xLabel: "recall", lines: [{ points }], finest: 0, ys: [0, 1.02], label });
}

// Shares of the pairs at each distance, as steps.
function distanceChart({ similar, dissimilar, distances: [near, far] }) {
  const steps = (shares) => [[-0.5, 0], ...shares.flatMap((share, d) => [[d - 0.5, share], [d + 0.5, share]]), [shares.length - 0.5, 0]];
  const lines = [{ points: steps(dissimilar), style: "second area" }, { points: steps(similar), style: "area" }];
  const keys = [{ text: `similar pairs, mean ${near.toFixed(1)}`, style: "" }, { text: `dissimilar, mean ${far.toFixed(1)}, dashed`, style: "second" }];
  const label = `Share of pairs at each distance: similar pairs ${near.toFixed(1)} bits apart on average, dissimilar ones ${far.toFixed(1)}`;
  const ys = [0, 1.05 * Math.max(...similar, ...dissimilar)];
  return lineChart({ title: "Distances", xLabel: "Hamming distance, bits; share of pairs", lines, keys, ys, label });
}

// From the curves that the runs keep, and from single metrics where they keep none.
function retrievalCharts(row) {
  const kept = row.retrieval;
  if (kept) {
    const places = (values) => values.map((value, i) => [i, value]);
    const atT = kept.cutoffs.map((t, i) => [t, kept.precision_at[i]]);
    return [precisionRecall(kept.precision_recall), precisionAt(atT, false), hammingBall(places(kept.precision), places(kept.recall), false), distanceChart(kept)];
  }
  const found = [];
  const { precision_at: atT, precision, recall } = row.points;
  if (atT.length > 2) found.push(precisionAt(atT, true));
  if (precision.length > 1 && recall.length > 1) found.push(hammingBall(precision, recall, true));
  return found;
}

// A shallow method has one "epoch", which is no curve.
function overEpochs(curve) {
  return curve !== null && curve.epochs.length > 1;
}

function charts(row) {
  const found = [];
  if (overEpochs(row.loss)) found.push(...epochChart("Training loss", row.loss));
  if (overEpochs(row.validation)) found.push(...epochChart(`Validation ${data.metric}`, row.validation, row.chosen));
  return [...found, ...retrievalCharts(row)];
}

// What the charts show, or why some are not there.
function notes(row) {
  const found = [];
  if (overEpochs(row.loss) || overEpochs(row.validation)) {
    if (row.seeds.length > 1) found.push("Over epochs: thin, each seed; thick, their mean; ring, the epoch that was chosen on validation.");
  } else found.push("No curves over epochs: nothing was recorded at two epochs or more.");
  if (!row.retrieval) found.push("No precision over recall and no distances: runs made by an older hashbench, or a ranking without codes, keep none.");
  else found.push(`Of the test queries${row.seeds.length > 1 ? ", mean over seeds" : ""}: precision over recall is a query's largest precision at any radius that reaches the recall; in a ball, an empty one has precision 0.`);
  return found.join(" ");
}

function detail(row) {
  const cell = element("div");
  const drawings = charts(row);
  if (drawings.length) cell.append(element("div", { class: "charts" }, ...drawings));
  cell.append(element("p", {}, notes(row)));
  const seeds = row.seeds.map((seed, i) => [`seed ${seed}`, numberOf(row.values[i], 4)]);
  const all = data.metrics.map((name, place) => {
    const [mean, std] = statOf(row, place);
    const digits = Math.abs(mean) < 10 ? 4 : 1;
    return [name, numberOf(mean, digits) + (std === null ? "" : ` ± ${std.toFixed(digits)}`)];
  });
  cell.append(element("h3", {}, `${data.metric} of each seed`), pairs(seeds), element("h3", {}, "All metrics"), pairs(all.filter(([, text]) => text !== "–")));
  cell.append(element("h3", {}, "Backbone and hyper-parameters"), pairs([["backbone", row.backbone], ...row.hparams]));
  return element("tr", { class: "detail", id: `detail-${row.id}` }, element("td", { colspan: columns.length }, cell));
}

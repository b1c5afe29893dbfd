// Tuning curves: of each protocol and code length, the expected best of n trials as charts, as a table, and in words.

const COLOURS = 8;
// So many first points of a curve may lie below the chart: a setting that fails counts as 0.
const STEEP = 2;

// Points of the curves over x; what lies below the chart is left out.
function tuningChart(title, xLabel, curves, x, finest) {
  const tops = curves.flatMap((curve) => curve.mean.slice(curve.mean.length > STEEP ? STEEP : 0));
  const [low, high] = padded(tops);
  const lines = curves.map((curve) => ({
    points: curve.mean.map((mean, i) => [x(curve, i + 1), mean]).filter(([, mean]) => mean >= low),
    style: curve.style,
  }));
  const label = `${title}: ${curves.map((curve) => `${curve.name} ${curve.mean.at(-1).toFixed(3)} at ${curve.mean.length} trials`).join(", ")}`;
  return lineChart({ title, xLabel, lines: lines.reverse(), ys: [low, high], finest, label });
}

function tuningTable(group, curves) {
  const several = curves.some((curve) => curve.studies > 1);
  const counted = ["failed", "stopped"].filter((name) => curves.some((curve) => curve[name]));
  const titles = ["", "method", "trials", ...counted, ...group.budgets.map((n) => `n = ${n}`), ...(several ? ["± over studies"] : [])];
  const lines = curves.map((curve) => {
    const cells = group.budgets.map((n, i) => {
      if (curve.places[i] === null) return element("td", {}, "–");
      const spread = element("span", { class: "std" }, ` ± ${curve.std[n - 1].toFixed(4)}`);
      return element("td", {}, `${curve.places[i]}. ${curve.mean[n - 1].toFixed(4)}`, spread);
    });
    const trials = curve.studies > 1 ? `${curve.trials} in ${curve.studies} studies` : String(curve.trials);
    const counts = [trials, ...counted.map((name) => String(curve[name]))].map((text) => element("td", {}, text));
    const key = element("td", {}, element("span", { class: `swatch ${curve.style}` }));
    const over = several ? [element("td", {}, numberOf(curve.over_studies, 4))] : [];
    return element("tr", {}, key, element("td", { class: "method" }, curve.name), ...counts, ...cells, ...over);
  });
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col", ...(title === "method" ? { class: "method" } : {}) }, title)));
  return element("div", { class: "scroll" }, element("table", { class: "rows" }, element("thead", {}, head), element("tbody", {}, ...lines)));
}

function tuningSection(group, matching) {
  const matched = group.curves.filter((curve) => matching(curve.name));
  const curves = matched.map((curve, place) => ({ ...curve, style: place < COLOURS ? `t${place}` : "other" }));
  if (!curves.length) return [];
  const head = element("header", {}, element("h2", {}, group.heading));
  if (group.note) head.append(element("p", { class: "note" }, group.note));
  const charts = element("div", { class: "charts" }, tuningChart("Expected best of n trials", "trials n", curves, (_, n) => n, 1));
  const costed = curves.filter((curve) => curve.epochs !== null);
  if (costed.length) charts.append(tuningChart("Expected best over its cost", "epochs of n trials", costed, (curve, n) => n * curve.epochs, 0));
  const words = element("ul", {}, ...group.changes.map((line) => element("li", {}, line)));
  return [element("section", { class: "curves" }, head, charts, tuningTable(group, curves), words)];
}

// `shown` says of a group, and `matching` of a method's name, whether it passes the filters.
function showTuning(shown, matching) {
  const sections = (data.tuning?.groups ?? []).filter(shown).flatMap((group) => tuningSection(group, matching));
  byId("tuning").hidden = !sections.length;
  byId("tuning-legend").textContent = data.tuning?.legend ?? "";
  byId("tuning-groups").replaceChildren(...sections);
}

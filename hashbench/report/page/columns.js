// What the tables show of a row: its columns as text, and which order of a column is the natural one.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const indexOf = Object.fromEntries(data.metrics.map((metric, i) => [metric.name, i]));
const numberOf = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function statOf(row, metric) {
  return metric in indexOf ? row.stats[indexOf[metric]] : [null, null];
}

function metricColumn(name, style) {
  return {
    key: name,
    style,
    natural: data.metrics[indexOf[name]]?.higher === false ? 1 : -1,
    value: (row) => statOf(row, name)[0],
    cell(row) {
      const [mean, std] = statOf(row, name);
      return [numberOf(mean, 3), ...(std === null ? [] : [element("span", { class: "std" }, ` ± ${std.toFixed(3)}`)])];
    },
  };
}

function costColumn(key, place, digits) {
  return { key, style: "cost", natural: 1, value: (row) => row.cost[place], cell: (row) => [numberOf(row.cost[place], digits)] };
}

function rankText(rank) {
  return rank === null ? "" : rank[0] === rank[1] ? `${rank[0]}` : `${rank[0]}–${rank[1]}`;
}

function seedsText(row) {
  return row.seeds.length === 1 ? "1 seed" : `${row.seeds.length} seeds`;
}

// `natural`: 1 where small comes first, -1 where large does. A column without `value` cannot be sorted.
const columns = [
  { key: "bits", style: "bits", natural: 1, value: (row) => row.bits, cell: (row) => [String(row.bits)] },
  {
    key: "rank",
    style: "rank",
    natural: 1,
    value: (row) => (row.rank === null ? null : row.rank[0] + row.rank[1] / 1e6),
    cell: (row) => [element("span", row.rank !== null && row.rank[0] === 1 ? { class: "best" } : {}, rankText(row.rank))],
  },
  { key: "method", style: "method", natural: 1, value: (row) => row.name, cell: (row) => [rowButton(row)] },
  {
    key: "seeds",
    style: "seeds",
    natural: -1,
    value: (row) => row.seeds.length,
    cell: (row) => [element("span", row.seeds.length === 1 ? { class: "single", title: "one seed: no spread, no rank" } : {}, seedsText(row))],
  },
  metricColumn(data.metric, "main"),
  { key: "interval", style: "interval", cell: () => [] },
  ...data.shown.map((name) => metricColumn(name, "other")),
  costColumn("s/epoch", 0, 2),
  costColumn("total s", 1, 1),
  costColumn("peak MiB", 2, 0),
];
const mainColumn = columns.find((column) => column.style === "main");
const columnOf = Object.fromEntries(columns.map((column) => [column.key, column]));

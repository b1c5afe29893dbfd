// What the tables show of a row: the columns that the data bring, and how a cell of each is made.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const numberOf = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// [mean, standard deviation] of the metric at a place of data.metrics; null: there is none.
function statOf(row, place) {
  return place === null ? [null, null] : row.stats[place];
}

// The parts of a cell: text, what is put after it and set smaller, a class for the text, a hint.
function cellOf(row, place) {
  const [text = "", spread = "", mark = "", hint = ""] = row.cells[place].slice(1);
  if (data.columns[place].style === "method") return [rowButton(row, text)];
  const shown = mark ? element("span", { class: mark, ...(hint ? { title: hint } : {}) }, text) : text;
  return spread ? [shown, element("span", { class: "std" }, spread)] : [shown];
}

// `natural`: 1 where small comes first, -1 where large does. A column without `value` cannot be sorted.
const columns = data.columns.map(({ title, style, sorts, descending }, place) => ({
  key: title,
  style,
  natural: descending ? -1 : 1,
  value: sorts ? (row) => row.cells[place][0] : null,
  cell: (row) => cellOf(row, place),
}));
const mainColumn = columns.find((column) => column.style === "main");
const columnOf = Object.fromEntries(columns.map((column) => [column.key, column]));

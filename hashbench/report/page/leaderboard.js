// The page: its tables and controls. What is filtered, how it is sorted and which rows are open lives in the address
// (#bits=32&sort=map&row=...), so that a link or a reload shows the same.

// --- state and the address

const empty = () => ({ protocol: "", backbone: "", bits: new Set(), method: "", sort: "", open: new Set(), theme: "" });
let state = empty();

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const list = (name) => new Set((given.get(name) ?? "").split(",").filter(Boolean));
  const sort = given.get("sort") ?? "";
  return {
    protocol: given.get("protocol") ?? "",
    backbone: given.get("backbone") ?? "",
    bits: new Set([...list("bits")].map(Number)),
    method: given.get("method") ?? "",
    sort: columnOf[sort.replace(/^-/, "")]?.value ? sort : "",
    open: list("row"),
    theme: given.get("theme") ?? "",
  };
}

function writeAddress() {
  const { protocol, backbone, bits, method, sort, open, theme } = state;
  const given = { protocol, backbone, bits: [...bits].join(","), method, sort, row: [...open].join(","), theme };
  const words = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString().replaceAll("%2C", ",");
  history.replaceState(null, "", words ? `#${words}` : location.pathname + location.search);
}

// --- tables

function rowButton(row, text) {
  row.button = element("button", { type: "button", "aria-expanded": "false" }, text);
  return row.button;
}

// Show or remove the open part of a row; it is built when it is first asked for.
function showDetail(row) {
  const open = state.open.has(row.id);
  if (!open && !row.detail?.isConnected) return;
  row.line.classList.toggle("open", open);
  row.button.setAttribute("aria-expanded", String(open));
  if (open) {
    row.detail ??= detail(row);
    row.button.setAttribute("aria-controls", row.detail.id);
    row.line.after(row.detail);
    row.detail.hidden = row.line.hidden;
  } else {
    row.button.removeAttribute("aria-controls");
    row.detail?.remove();
  }
}

function barOf(row) {
  const [[mean, std], [worst], [best]] = data.bar.map((place) => statOf(row, place));
  return { mean, std, worst, best, values: row.values };
}

function barLabel(bar) {
  const ties = bar.worst === null || bar.best === null ? "" : `, ties ${bar.worst.toFixed(3)} to ${bar.best.toFixed(3)}`;
  return `${numberOf(bar.mean, 3)}${bar.std === null ? "" : ` ± ${bar.std.toFixed(3)}`}${ties}`;
}

function rangeOf(bars) {
  const ends = bars.flatMap(({ mean, std, worst, best, values }) => [worst, best, mean, ...values, ...(std === null ? [] : [mean - std, mean + std])]);
  const known = ends.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return low < high ? [low, high] : padded([low]);
}

// A scale that holds all bars; or, where weak rows among many would squeeze the others, the better two thirds.
function scaleOf(bars) {
  if (bars.length <= 12) return rangeOf(bars);
  const better = [...bars].sort((a, b) => (a.mean - b.mean) * mainColumn.natural).slice(0, Math.ceil((bars.length * 2) / 3));
  const [all, most] = [rangeOf(bars), rangeOf(better)];
  if (all[1] - all[0] <= 2 * (most[1] - most[0])) return all;
  return mainColumn.natural < 0 ? [most[0], all[1]] : [all[0], most[1]];
}

// Draw the error bars of the rows that are shown.
function drawBars(table) {
  const shown = table.rows.filter((row) => !row.line.hidden);
  const bars = shown.map(barOf).filter((bar) => bar.mean !== null);
  if (!bars.length) return;
  const scale = scaleOf(bars);
  if (table.scale?.join() === scale.join() && shown.every((row) => row.drawn === table.scale)) return;
  table.scale = scale;
  table.ends.replaceChildren(...scale.map((end) => element("span", {}, end.toFixed(2))));
  for (const row of shown) {
    const bar = barOf(row);
    row.drawn = scale;
    row.barCell.replaceChildren(errorBar(bar, scale, barLabel(bar)));
  }
}

function headCell(table, column) {
  const cell = element("th", { scope: "col", class: column.style });
  if (column.value) {
    const button = element("button", { type: "button" }, column.key);
    button.addEventListener("click", () => sortBy(column.key));
    cell.append(button);
    table.heads[column.key] = cell;
  } else {
    table.ends = element("div", { class: "scale", "aria-hidden": "true" });
    cell.append(element("span", { class: "unseen" }, column.key), table.ends);
  }
  return cell;
}

function buildRow(table, row, order) {
  row.order = order;
  row.line = element("tr", { "data-row": row.id });
  for (const column of columns) {
    const cell = element("td", { class: column.style }, ...column.cell(row));
    if (column.style === "interval") row.barCell = cell;
    row.line.append(cell);
  }
  row.line.addEventListener("click", () => {
    if (getSelection().isCollapsed) toggle(row);
  });
  return row.line;
}

function buildTable(table, place) {
  table.heads = {};
  const heading = element("h2", { id: `table-${place}` }, table.heading);
  const head = element("header", {}, heading);
  if (table.note) head.append(element("p", { class: "note" }, table.note));
  if (table.settings.length) head.append(element("details", {}, element("summary", {}, "What all these rows share"), pairs(table.settings)));
  const titles = element("tr", {}, ...columns.map((column) => headCell(table, column)));
  table.body = element("tbody", {}, ...table.rows.map((row, order) => buildRow(table, row, order)));
  table.body.addEventListener("keydown", moveBetweenRows);
  table.grid = element("table", { class: "rows", "aria-labelledby": heading.id }, element("thead", {}, titles), table.body);
  table.section = element("section", {}, head, table.grid);
  return table.section;
}

// Up and down go from row to row.
function moveBetweenRows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches("td.method button")) return;
  const buttons = [...event.currentTarget.querySelectorAll("tr:not([hidden]) td.method button")];
  buttons[buttons.indexOf(event.target) + step]?.focus();
  event.preventDefault();
}

// Leave out the least important columns, and fold names at last, until all tables fit; an opened row shows everything.
function fit() {
  const classes = byId("tables").classList;
  const measures = ["no-cost", "no-other", "no-seeds", "wrap"];
  classes.remove(...measures);
  for (const name of measures) {
    if (data.tables.every(({ grid, section }) => grid.offsetWidth <= section.clientWidth)) return;
    classes.add(name);
  }
}

// --- from the state to what is seen

function matches(table, row, words) {
  if (state.protocol && table.protocol !== state.protocol) return false;
  if (state.backbone && row.backbone !== state.backbone) return false;
  if (state.bits.size && !state.bits.has(row.bits)) return false;
  return named(row.name, words);
}

function named(name, words) {
  return !words.length || words.some((word) => name.toLowerCase().includes(word));
}

function compareRows(key, sign) {
  const { value, natural } = columnOf[key];
  return (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === b) return one.order - other.order;
    if (a === null || b === null) return a === null ? 1 : -1;
    return (a < b ? -1 : 1) * natural * sign;
  };
}

function show() {
  const words = state.method.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
  const key = state.sort.replace(/^-/, "");
  const sign = state.sort.startsWith("-") ? -1 : 1;
  let [shown, total] = [0, 0];
  for (const table of data.tables) {
    if (table.sorted !== state.sort) {
      table.rows.sort(key ? compareRows(key, sign) : (one, other) => one.order - other.order);
      table.body.append(...table.rows.map((row) => row.line));
      table.sorted = state.sort;
      for (const cell of Object.values(table.heads)) cell.removeAttribute("aria-sort");
      if (key) table.heads[key].setAttribute("aria-sort", columnOf[key].natural * sign > 0 ? "ascending" : "descending");
    }
    let [here, before] = [0, null];
    for (const row of table.rows) {
      row.line.hidden = !matches(table, row, words);
      row.line.classList.toggle("first", !key && !row.line.hidden && before !== null && before !== row.bits);
      if (!row.line.hidden) [here, before] = [here + 1, row.bits];
      showDetail(row);
    }
    table.section.hidden = here === 0;
    drawBars(table);
    shown += here;
    total += table.rows.length;
  }
  showTuning(
    (group) => (!state.protocol || group.protocol === state.protocol) && (!state.bits.size || state.bits.has(group.bits)),
    (name) => named(name, words),
  );
  byId("count").textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
  byId("nothing").hidden = shown > 0;
  byId("protocol").value = state.protocol;
  byId("backbone").value = state.backbone;
  if (byId("method").value !== state.method) byId("method").value = state.method;
  for (const chip of byId("bits").children) chip.setAttribute("aria-pressed", String(state.bits.has(Number(chip.textContent))));
  document.documentElement.dataset.theme = state.theme;
}

function change(changes) {
  Object.assign(state, changes);
  writeAddress();
  show();
}

function sortBy(key) {
  change({ sort: state.sort === key ? `-${key}` : state.sort === `-${key}` ? "" : key });
}

function toggle(row) {
  if (!state.open.delete(row.id)) state.open.add(row.id);
  writeAddress();
  showDetail(row);
}

// --- controls

function fillSelect(name, all) {
  const values = [...new Set(all)].sort();
  byId(name).append(element("option", { value: "" }, "all"), ...values.map((value) => element("option", { value }, value)));
  byId(name).addEventListener("change", (event) => change({ [name]: event.target.value }));
  byId(`${name}-control`).hidden = values.length < 2;
}

function fillBits() {
  const lengths = [...new Set(data.tables.flatMap((table) => table.rows.map((row) => row.bits)))].sort((a, b) => a - b);
  for (const length of lengths) {
    const chip = element("button", { type: "button", class: "chip", "aria-pressed": "false" }, String(length));
    chip.addEventListener("click", () => {
      const bits = new Set(state.bits);
      if (!bits.delete(length)) bits.add(length);
      change({ bits });
    });
    byId("bits").append(chip);
  }
  byId("bits-control").hidden = lengths.length < 2;
}

function summary() {
  const methods = new Set(data.tables.flatMap((table) => table.rows.map((row) => row.name)));
  const many = (count, one, several) => `${count} ${count === 1 ? one : several}`;
  const parts = [many(data.runs, "run", "runs"), many(methods.size, "method", "methods"), many(data.tables.length, "table", "tables")];
  if (data.dates.length) parts.push(data.dates[0] === data.dates[1] ? data.dates[0] : `${data.dates[0]} to ${data.dates[1]}`);
  parts.push(`hashbench ${data.version}`);
  if (data.left_out) parts.push(`${many(data.left_out, "result", "results")} left out: could not be read or counted`);
  return parts.join(" · ");
}

function start() {
  byId("summary").textContent = summary();
  byId("legend").textContent = data.legend;
  const sample = { mean: 0.55, std: 0.12, worst: 0.25, best: 0.8, values: [0.42, 0.56, 0.67] };
  byId("key").append(errorBar(sample, [0, 1], "example of an error bar"), "Band: the tie interval. Whisker and large dot: mean ± standard deviation over seeds. Small dots below: the seeds. One scale a table, over the rows shown; an arrow stands for a weak row outside it.");
  fillSelect("protocol", data.tables.map((table) => table.protocol));
  fillSelect("backbone", data.tables.flatMap((table) => table.rows.map((row) => row.backbone)));
  fillBits();
  byId("method").addEventListener("input", (event) => change({ method: event.target.value }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    change({ ...empty(), sort: state.sort, open: state.open, theme: state.theme });
  });
  byId("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!state.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    change({ theme: dark ? "light" : "dark" });
  });
  byId("tables").append(...data.tables.map(buildTable));
  new ResizeObserver(([bar]) => document.documentElement.style.setProperty("--bar", `${bar.target.offsetHeight}px`)).observe(byId("filters"));
  addEventListener("hashchange", () => {
    state = readAddress();
    show();
  });
  state = readAddress();
  show();
  fit();
  addEventListener("resize", fit);
  document.querySelector("tr.open")?.scrollIntoView({ block: "center" });
}

start();

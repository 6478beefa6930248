"use strict";
// Tables sort by a click on a heading; long ones can be filtered. Without this script they stand as they are.
const LONG = 20;
const first = /[+-]?\d+(\.\d+)?/;

function key(row, column, isNumber) {
  const text = row.cells[column].textContent;
  if (!isNumber) return text;
  const found = first.exec(text);
  return found ? Number(found[0]) : NaN;
}

function compare(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return a - b;
}

function sort(table, column, head) {
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  const isNumber = head.classList.contains("number");
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, column, isNumber), row]);
  const missing = rows.filter(([value]) => Number.isNaN(value));
  const known = rows.filter(([value]) => !Number.isNaN(value));
  known.sort(([a], [b]) => (ascending ? compare(a, b) : compare(b, a)));
  table.tBodies[0].append(...[...known, ...missing].map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function addFilter(table) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.className = "filter";
  input.type = "search";
  label.append(`Show of ${table.tBodies[0].rows.length} rows those with`, input);
  table.parentElement.before(label);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  if (table.tBodies[0].rows.length > LONG) addFilter(table);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, column, head));
    head.append(button);
  });
}

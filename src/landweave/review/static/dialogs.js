// The windows over the page: who reviews, which labels, who did how much, and the keys.

const byId = (id) => document.getElementById(id);

// Whether a window was left with its own button, not with Esc.
function open(id) {
  const dialog = byId(id);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;

export async function askName(known, current) {
  const options = known.map((name) => Object.assign(document.createElement("option"), { value: name }));
  byId("names").replaceChildren(...options);
  const input = byId("name");
  input.value = current || "";
  const dialog = byId("dialog-name");
  // Without a name there is nobody to keep decisions for.
  const stay = (event) => { if (!current) event.preventDefault(); };
  dialog.addEventListener("cancel", stay);
  const closing = open("dialog-name");
  input.focus();
  await closing;
  dialog.removeEventListener("cancel", stay);
  return input.value.trim() || current;
}

export function setLegend(legend) {
  for (const id of ["from", "to"]) {
    const select = byId(id);
    select.replaceChildren(...legend.map((entry) => {
      const option = Object.assign(document.createElement("option"), { value: String(entry.id), textContent: entry.name });
      option.style.borderLeftColor = entry.color;
      return option;
    }));
    const paint = () => { byId(`${id}-chip`).style.background = (legend[select.selectedIndex] || {}).color || "none"; };
    select.addEventListener("change", paint);
    select.addEventListener("dblclick", () => byId("keep").click());
    select.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); byId("keep").click(); }
    });
    select.paint = paint;
  }
  byId("leave").addEventListener("click", () => byId("dialog-relabel").close(""));
}

export async function askLabels(from, to) {
  for (const [id, value] of [["from", from], ["to", to]]) {
    byId(id).value = String(value);
    byId(id).paint();
  }
  const closing = open("dialog-relabel");
  byId("to").focus();
  return (await closing) === "keep" ? [Number(byId("from").value), Number(byId("to").value)] : null;
}

function table(head, rows) {
  const made = document.createElement("table");
  const fill = (kind, cells, scope) => {
    const line = document.createElement("tr");
    cells.forEach((text, place) => {
      const cell = Object.assign(document.createElement(place && kind !== "th" ? "td" : "th"), { textContent: text });
      if (kind === "th" || !place) cell.scope = kind === "th" ? "col" : scope;
      line.append(cell);
    });
    return line;
  };
  const top = document.createElement("thead"), body = document.createElement("tbody");
  top.append(fill("th", head));
  body.append(...rows.map((row) => fill("td", row, "row")));
  made.append(top, body);
  return made;
}

export function showPeople(progress) {
  const people = progress.reviewers.map((one) => [one.name, String(one.judged)]);
  const pairs = progress.agreement.map((pair) => [
    pair.names.join(" and "), String(pair.both), `${Math.round((100 * pair.same) / pair.both)} %`,
    pair.kappa === null ? "–" : pair.kappa.toFixed(2),
  ]);
  const parts = people.length ? [table(["reviewer", "events judged"], people)] : [];
  const told = document.createElement("p");
  told.textContent = pairs.length
    ? `Events judged by two: how often they say the same, and Cohen's kappa. Judged differently: ${progress.disputed}.`
    : "No event was judged by two reviewers yet.";
  byId("people-tables").replaceChildren(...parts, told, ...(pairs.length ? [table(["pair", "events", "same", "kappa"], pairs)] : []));
  return open("dialog-people");
}

export const showHelp = () => open("dialog-help");

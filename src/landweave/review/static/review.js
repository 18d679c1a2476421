// The page: one event after the other, and what a person says of it.

import { Chart } from "./chart.js";
import { askLabels, askName, isOpen, setLegend, showHelp, showPeople } from "./dialogs.js";
import { Surroundings } from "./map.js";
import { Outbox, ask, newKey } from "./server.js";

const byId = (id) => document.getElementById(id);
const LOOKS = { true: "true colour", false: "near infrared, red, green", labels: "map" };
const SAID = { approve: "approved", discard: "discarded", relabel: "relabelled" };
const RETRY_MS = 4000, OTHERS_MS = 15000;

const page = { job: null, event: null, sides: {}, mine: [], turn: 0, chart: null, map: null, outbox: null, reviewer: "" };

// --- what is kept between visits ---

const kept = (name, otherwise) => localStorage.getItem(`landweave-${name}`) ?? otherwise;
const keep = (name, value) => localStorage.setItem(`landweave-${name}`, value);

// --- beginning ---

async function begin() {
  page.job = await ask("/api/job");
  page.byId = new Map(page.job.legend.map((entry) => [entry.id, entry]));
  page.stamp = page.job.job.slice(0, 16);
  page.outbox = new Outbox(page.job.job, tellProblem);
  page.chart = new Chart(pick);
  page.map = new Surroundings(page.job.is_metric, (row) => show(row));
  setLegend(page.job.legend);
  choices("shown", page.job.shown, "mine");
  choices("order", page.job.orders, page.job.order);
  drawLegend();
  drawPictures();
  listen();
  page.reviewer = kept("reviewer", "");
  if (!page.reviewer) await rename();
  sayName();
  await page.outbox.flush();
  const row = Number.parseInt(location.hash.slice(1), 10);
  if (row >= 0 && row < page.job.events) await show(row);
  else await go(false, null);
  refresh();
  setInterval(() => { if (page.outbox.waiting || page.trouble) page.outbox.flush().then(refresh); }, RETRY_MS);
  setInterval(refresh, OTHERS_MS);
}

function choices(id, known, first) {
  const select = byId(id);
  select.replaceChildren(...Object.entries(known).map(([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text })));
  const before = kept(`${id}-${page.stamp}`, first);
  select.value = before in known ? before : first;
  select.addEventListener("change", () => { keep(`${id}-${page.stamp}`, select.value); go(false, null); });
}

async function rename() {
  page.reviewer = await askName(page.job.reviewers, page.reviewer);
  keep("reviewer", page.reviewer);
  sayName();
}

function sayName() {
  byId("who").textContent = page.reviewer;
  byId("who").setAttribute("aria-label", `You are ${page.reviewer}. Change the name`);
}

// --- which event ---

const words = (extra) => ({ reviewer: page.reviewer, order: byId("order").value, shown: byId("shown").value, ...extra });

async function go(back, after = page.event && page.event.row) {
  const told = await attempt(() => ask("/api/next", words({ after, back })), () => go(back, after));
  if (!told) return;
  page.place = told;
  byId("done").hidden = told.row !== null;
  document.querySelector("main").hidden = told.row === null;
  if (told.row === null) {
    page.event = null;
    byId("done-what").textContent = page.job.shown[byId("shown").value];
    buttons();
    live("Nothing left here");
    return;
  }
  await show(told.row);
}

async function show(row) {
  const turn = ++page.turn;
  const event = await attempt(() => ask(`/api/events/${row}`, { reviewer: page.reviewer }), () => show(row));
  if (!event || turn !== page.turn) return;
  page.event = event;
  byId("done").hidden = true;
  document.querySelector("main").hidden = false;
  history.replaceState(null, "", `#${row}`);
  byId("note").value = event.mine ? event.mine.note : "";
  drawFacts(event);
  clearPictures(event);
  page.chart.clear("The series is being read");
  buttons();
  const told = `${byId("title").textContent}, ${event.date}`;
  document.title = `${told} – landweave review`;
  live(told);
  fillPictures(event, turn);
  fillChart(event, turn);
}

async function ahead() {
  const told = await ask("/api/next", words({ after: page.event && page.event.row })).catch(() => null);
  if (!told || told.row === null || (page.event && told.row === page.event.row)) return;
  const sides = await ask(`/api/events/${told.row}/sides`).catch(() => ({}));
  for (const side of ["before", "after"]) {
    if (Number.isInteger(sides[side])) for (const look of ["true", "false"]) new Image().src = address(told.row, sides[side], look);
  }
  ask(`/api/events/${told.row}/series`, { job: page.stamp }).catch(() => null);
}

// --- what is shown ---

function chip(number) {
  const found = page.byId.get(number);
  const made = document.createElement("i");
  made.className = "chip";
  made.style.background = found ? found.color : "none";
  return [made, found ? found.name : `class ${number}`];
}

const nameOf = (number) => (page.byId.get(number) || { name: `class ${number}` }).name;

function drawFacts(event) {
  const arrow = Object.assign(document.createElement("span"), { className: "arrow", textContent: " → " });
  const isStable = event.from_id === event.to_id;
  byId("title").replaceChildren(...chip(event.from_id), ...(isStable ? [" (no change)"] : [arrow, ...chip(event.to_id)]));
  const facts = [[isStable ? "Between" : "Date", isStable ? `${event.year - 1} and ${event.year}` : event.date]];
  if (event.probability !== null) facts.push(["Probability", `${Math.round(100 * event.probability)} %`]);
  facts.push(["Area", `${event.area_ha} ha, ${event.num_pixels} pixel${event.num_pixels === 1 ? "" : "s"}`], ["Map year", event.year]);
  facts.push([event.kind === "unit" ? "Sampling unit" : "Event", event.id]);
  byId("facts").replaceChildren(...facts.map(([name, value]) => {
    const line = document.createElement("div");
    line.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value }));
    return line;
  }));
  drawSaid(event);
}

function drawSaid(event) {
  const parts = [];
  const tag = (one) => Object.assign(document.createElement("span"), { className: `tag ${one.kind}`, textContent: SAID[one.kind] });
  const more = (one) => {
    const labels = one.kind === "relabel" ? ` to ${nameOf(one.from_id)} → ${nameOf(one.to_id)}` : "";
    return `${labels}${one.note ? `, “${one.note}”` : ""}`;
  };
  if (event.mine) parts.push("You ", tag(event.mine), `${more(event.mine)}. `);
  for (const one of event.others) parts.push(`${one.reviewer} `, tag(one), `${more(one)}. `);
  if (!event.mine && event.num_others) parts.push(`${event.num_others} other${event.num_others > 1 ? "s" : ""} judged it; you see how once you have.`);
  byId("said").replaceChildren(...parts);
}

function drawLegend() {
  byId("legend").replaceChildren(...page.job.legend.map((entry) => {
    const line = document.createElement("li");
    line.append(...chip(entry.id));
    return line;
  }));
}

function drawPictures() {
  const parts = [];
  for (const side of ["before", "after"]) {
    const step = document.createElement("div");
    step.className = "step";
    step.dataset.side = side;
    const older = Object.assign(document.createElement("button"), { type: "button", textContent: "‹" });
    const newer = Object.assign(document.createElement("button"), { type: "button", textContent: "›" });
    older.setAttribute("aria-label", `Older picture ${side}`);
    newer.setAttribute("aria-label", `Newer picture ${side}`);
    older.addEventListener("click", () => turnPage(side, -1));
    newer.addEventListener("click", () => turnPage(side, 1));
    step.append(older, Object.assign(document.createElement("b"), { id: `date-${side}` }), newer);
    parts.push(step);
  }
  for (const look of Object.keys(LOOKS)) for (const side of ["before", "after"]) parts.push(figure(side, look));
  byId("pictures").append(...parts);
}

function figure(side, look) {
  const made = document.createElement("figure");
  made.dataset.side = side;
  made.dataset.look = look;
  const frame = Object.assign(document.createElement("div"), { className: "frame" });
  const image = document.createElement("img");
  const why = Object.assign(document.createElement("p"), { className: "why", hidden: true });
  image.addEventListener("error", () => { why.hidden = false; why.textContent = "This picture cannot be made"; });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const name of ["halo", "line"]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  frame.append(image, svg, why);
  made.append(frame, Object.assign(document.createElement("figcaption"), { textContent: LOOKS[look] }));
  return made;
}

const figures = (side, look) => document.querySelector(`figure[data-side=${side}][data-look=${look}]`);
const address = (row, place, look) => `/pictures/${row}/${place}/${look}.png?job=${page.stamp}`;

function clearPictures(event) {
  const path = event.outline.map((ring) => `M${ring.map((point) => point.join(" ")).join("L")}Z`).join("");
  for (const each of document.querySelectorAll("#pictures figure")) {
    each.querySelector("img").removeAttribute("src");
    each.querySelector(".why").hidden = true;
    for (const line of each.querySelectorAll("path")) line.setAttribute("d", path);
  }
  for (const side of ["before", "after"]) {
    byId(`date-${side}`).textContent = side;
    const map = figures(side, "labels");
    const year = event.year - (side === "before" ? 1 : 0);
    map.hidden = !event.labels[side];
    map.querySelector("figcaption").textContent = `map ${year}${event.is_part ? ", a part of the event" : ""}`;
    if (event.labels[side]) draw(map, `/labels/${event.row}/${side}.png?job=${page.stamp}`, `Map of ${year}: the event and its neighbours`);
  }
}

function draw(made, source, text) {
  const image = made.querySelector("img");
  made.querySelector(".why").hidden = true;
  image.src = source;
  image.alt = text;
}

async function fillPictures(event, turn) {
  const sides = await ask(`/api/events/${event.row}/sides`).catch((error) => ({ error }));
  if (turn !== page.turn) return;
  page.sides = sides;
  for (const side of ["before", "after"]) fillSide(side);
  const around = sides.after ?? sides.before;
  page.map.show(event.map, Number.isInteger(around) ? address(event.row, around, "wide") : null);
  page.chart.mark([sides.before ?? null, sides.after ?? null]);
  ahead();
}

function fillSide(side) {
  const place = page.sides[side];
  const scene = Number.isInteger(place) ? page.job.scenes[place] : null;
  const date = Object.assign(document.createElement("span"), { className: "date", textContent: scene ? scene.date : "no scene" });
  byId(`date-${side}`).replaceChildren(`${side}: `, date);
  byId(`date-${side}`).title = scene ? `${scene.sensor}, ${scene.id}` : "";
  for (const look of ["true", "false"]) {
    const made = figures(side, look);
    if (scene) draw(made, address(page.event.row, place, look), `The scene of ${scene.date} in ${LOOKS[look]}`);
    else {
      made.querySelector(".why").hidden = false;
      made.querySelector(".why").textContent = page.sides.error ? page.sides.error.message : `No scene ${side} this day`;
    }
  }
}

function turnPage(side, step) {
  const place = page.sides[side];
  if (!Number.isInteger(place) || !page.job.scenes[place + step]) return;
  page.sides[side] = place + step;
  fillSide(side);
  page.chart.mark([page.sides.before ?? null, page.sides.after ?? null]);
}

function pick(place) {
  const side = page.job.scenes[place].date < page.event.date ? "before" : "after";
  page.sides[side] = place;
  fillSide(side);
  page.chart.mark([page.sides.before ?? null, page.sides.after ?? null]);
}

async function fillChart(event, turn) {
  // Browsers keep the answer; the job in its address keeps those of two jobs apart.
  const series = await ask(`/api/events/${event.row}/series`, { job: page.stamp }).catch((error) => ({ error }));
  if (turn !== page.turn) return;
  if (series.error) page.chart.clear(series.error.message);
  else page.chart.show(series, event.date);
}

// --- what a person says ---

async function decide(kind, labels = null) {
  const event = page.event;
  if (!event || !page.reviewer) return;
  const body = { key: newKey(), event: event.id, kind, reviewer: page.reviewer, labels, note: byId("note").value.trim() };
  page.mine.push({ key: body.key, row: event.row });
  byId("note").value = "";
  await page.outbox.add("/api/decisions", body);
  await go(false, event.row);
  live(`Event ${event.id} ${SAID[kind]}. ${byId("title").textContent}`);
  refresh();
}

async function relabel() {
  const event = page.event;
  if (!event) return;
  const before = event.mine || event;
  const labels = await askLabels(before.from_id, before.to_id);
  if (!labels || page.event !== event) return;
  const isMapped = labels[0] === event.from_id && labels[1] === event.to_id;
  await decide(isMapped ? "approve" : "relabel", isMapped ? null : labels);
}

async function undo() {
  let last = page.mine.pop();
  if (!last) {
    const progress = await attempt(() => ask("/api/progress", { reviewer: page.reviewer }));
    last = progress && progress.last;
  }
  if (!last) { live("Nothing to undo"); return; }
  await page.outbox.add("/api/undo", { key: newKey(), undoes: last.key, reviewer: page.reviewer });
  if (last.row !== null) await show(last.row);
  live(`Decision taken back. ${byId("title").textContent}`);
  refresh();
}

async function refresh() {
  const told = await ask("/api/progress", { reviewer: page.reviewer }).catch(() => null);
  if (!told) return;
  page.progress = told;
  // The server is back: what could not be shown is shown now.
  if (page.trouble) {
    const again = page.again;
    page.trouble = null;
    tellProblem(page.outbox);
    if (again) act(again);
  }
  byId("bar").value = told.events ? told.judged / told.events : 0;
  byId("counts").textContent = `${told.judged} of ${told.events} judged, ${told.mine} by you`;
  buttons();
}

function buttons() {
  const event = page.event;
  for (const id of ["approve", "discard", "relabel", "next", "previous"]) byId(id).disabled = !event;
  if (event) byId("discard").disabled = event.from_id === event.to_id;
  byId("undo").disabled = !page.mine.length && !(page.progress && page.progress.last);
}

// --- what goes wrong ---

async function attempt(question, again = null) {
  try {
    const told = await question();
    if (page.trouble) { page.trouble = null; tellProblem(page.outbox); }
    return told;
  } catch (error) {
    page.trouble = error;
    page.again = again;
    tellProblem(page.outbox);
    return null;
  }
}

function tellProblem(outbox) {
  const waiting = outbox ? outbox.waiting : 0, refused = outbox ? outbox.refused() : [];
  const parts = [];
  if (refused.length) parts.push(`${refused.length} decision${refused.length > 1 ? "s were" : " was"} refused: ${refused[0].refused.given}.`);
  if (waiting) {
    const problem = outbox.problem || { given: "", do: "" };
    parts.push(`${waiting} decision${waiting > 1 ? "s are" : " is"} not saved yet and kept in this browser. ${problem.given}; ${problem.do}.`);
  } else if (page.trouble) {
    parts.push(page.trouble.status === 401 ? "The server has another token: open the address that it printed." : `${page.trouble.told.given}; ${page.trouble.told.do}.`);
  }
  const banner = byId("banner");
  banner.hidden = !parts.length;
  banner.textContent = parts.join(" ");
  if (refused.length) {
    const leave = Object.assign(document.createElement("button"), { type: "button", textContent: "Drop it" });
    leave.addEventListener("click", () => outbox.forget());
    banner.append(" ", leave);
  }
}

function live(text) { byId("live").textContent = text; }

// --- keys and buttons ---

const ACTIONS = {
  a: () => decide("approve"), d: () => { if (!byId("discard").disabled) decide("discard"); }, r: relabel, u: undo,
  n: () => byId("note").focus(), o: () => document.body.classList.toggle("no-outline"),
  j: () => go(false), k: () => go(true), "?": showHelp,
  "[": () => turnPage("before", -1), "]": () => turnPage("before", 1), "{": () => turnPage("after", -1), "}": () => turnPage("after", 1),
};
const ARROWS = { ArrowRight: () => go(false), ArrowLeft: () => go(true) };

// One thing at a time: a key held down must not decide on ten events.
async function act(action) {
  if (page.busy) return;
  page.busy = true;
  try { await action(); } finally { page.busy = false; }
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isOpen()) return;
  const field = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (field) {
    if (event.key === "Escape") field.blur();
    return;
  }
  const isInMap = event.target.closest("#map, summary, .wide");
  const letter = byId("letters").checked ? ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key] : null;
  const action = (!isInMap && ARROWS[event.key]) || letter;
  if (!action) return;
  event.preventDefault();
  act(action);
}

function listen() {
  document.addEventListener("keydown", press);
  for (const [id, action] of [["approve", ACTIONS.a], ["discard", ACTIONS.d], ["relabel", relabel], ["undo", undo], ["next", ACTIONS.j], ["previous", ACTIONS.k], ["help", showHelp]]) {
    byId(id).addEventListener("click", () => act(action));
  }
  byId("who").addEventListener("click", async () => { await rename(); page.mine = []; await go(false, null); refresh(); });
  byId("people").addEventListener("click", async () => {
    const told = await attempt(() => ask("/api/progress", { reviewer: page.reviewer }));
    if (told) showPeople(told);
  });
  byId("letters").checked = kept("letters", "on") === "on";
  byId("letters").addEventListener("change", () => keep("letters", byId("letters").checked ? "on" : "off"));
}

begin().catch((error) => { page.trouble = error; if (!error.told) error.told = { given: error.message, do: "reload the page" }; tellProblem(page.outbox); });

// The series of an event as lines over time, with the day of the change.

const SVG = "http://www.w3.org/2000/svg";
const NAMES = {
  blue: "blue", green: "green", red: "red", nir: "near infrared", swir16: "short-wave 1.6 µm", swir22: "short-wave 2.2 µm",
  ndvi: "NDVI", evi: "EVI", ndwi: "NDWI", ndsi: "NDSI", bare_soil: "bare soil",
};
const CLASSES = { ndvi: 1, evi: 5, ndwi: 3, ndsi: 6, bare_soil: 2, blue: 3, green: 1, red: 2, nir: 4, swir16: 5, swir22: 6 };
const FIRST = new Set(["ndvi", "bare_soil", "red", "nir", "swir16"]);
const EDGE = { left: 44, right: 12, top: 20, gap: 34, bottom: 24 };

function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const day = (text) => Date.parse(`${text}T00:00:00Z`) / 864e5;
const nameOf = (line) => NAMES[line] || line;

export class Chart {
  constructor(onPick) {
    this.svg = document.getElementById("chart");
    this.lines = document.getElementById("lines");
    this.table = document.getElementById("numbers");
    this.on = new Set(FIRST);
    this.onPick = onPick;
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  show(series, date) {
    this.series = series;
    this.date = date;
    this.offer();
    this.draw();
    this.tabulate();
  }

  mark(places) {
    this.marked = places;
    this.draw();
  }

  clear(why) {
    this.series = null;
    this.svg.replaceChildren();
    this.lines.replaceChildren();
    this.table.replaceChildren();
    this.svg.setAttribute("aria-label", why);
  }

  all() {
    return { ...this.series.indices, ...this.series.bands };
  }

  offer() {
    const names = Object.keys(this.all());
    this.lines.replaceChildren(...names.map((name) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: this.on.has(name) });
      box.addEventListener("change", () => {
        if (box.checked) this.on.add(name);
        else this.on.delete(name);
        this.draw();
      });
      const swatch = document.createElement("i");
      swatch.className = `line-${CLASSES[name] || 7}`;
      label.append(box, swatch, nameOf(name));
      return label;
    }));
  }

  draw() {
    if (!this.series) return;
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    const days = this.series.dates.map(day);
    const at = day(this.date);
    const first = Math.min(...days, at), last = Math.max(...days, at);
    const x = (value) => EDGE.left + ((value - first) / Math.max(last - first, 1)) * (width - EDGE.left - EDGE.right);
    const panels = [["indices", "Indices"], ["bands", "Bands"]].filter(([kind]) => Object.keys(this.series[kind]).length);
    const each = (height - EDGE.top - EDGE.bottom - EDGE.gap * (panels.length - 1)) / Math.max(panels.length, 1);
    this.shade(days, x, height);
    panels.forEach(([kind, title], index) => {
      const top = EDGE.top + index * (each + EDGE.gap);
      this.panel(kind, title, { days, x, top, bottom: top + each, width });
    });
    this.years(first, last, x, height);
    this.svg.append(make("line", { class: "event", x1: x(at), x2: x(at), y1: EDGE.top - 6, y2: height - EDGE.bottom }));
    const anchor = x(at) > width / 2 ? "end" : "start";
    const beside = x(at) + (anchor === "end" ? -5 : 5);
    this.svg.append(make("text", { class: "event-name", x: beside, y: EDGE.top - 8, "text-anchor": anchor }, this.date));
    this.picks(days, x, height);
    this.svg.setAttribute("aria-label", this.words());
  }

  shade(days, x, height) {
    for (const place of this.marked || []) {
      if (place === null) continue;
      this.svg.append(make("rect", { class: "shown", x: x(days[place]) - 4, y: EDGE.top, width: 8, height: height - EDGE.top - EDGE.bottom }));
    }
  }

  panel(kind, title, { days, x, top, bottom, width }) {
    const lines = Object.entries(this.series[kind]).filter(([name]) => this.on.has(name));
    const numbers = lines.flatMap(([, values]) => values).filter((value) => value !== null);
    let low = Math.min(...numbers, 0), high = Math.max(...numbers, 0.1);
    if (high - low < 0.05) high = low + 0.05;
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    for (const tick of ticks(low, high)) {
      this.svg.append(make("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }));
      this.svg.append(make("text", { x: EDGE.left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
    }
    this.svg.append(make("text", { x: 6, y: top - 8 }, title));
    for (const [name, values] of lines) this.line(name, values, days, x, y);
  }

  line(name, values, days, x, y) {
    const group = make("g", { class: `line-${CLASSES[name] || 7}` });
    const known = values.map((value, place) => [value, place]).filter(([value]) => value !== null);
    group.append(make("polyline", { points: known.map(([value, place]) => `${x(days[place])},${y(value)}`).join(" ") }));
    for (const [value, place] of known) {
      const isDoubtful = this.series.valid[place] < 0.5;
      group.append(make("circle", { class: isDoubtful ? "doubtful" : "", cx: x(days[place]), cy: y(value), r: 2.6 }));
    }
    this.svg.append(group);
  }

  years(first, last, x, height) {
    const from = new Date(first * 864e5).getUTCFullYear(), to = new Date(last * 864e5).getUTCFullYear();
    const step = Math.ceil((to - from + 1) / 10);
    for (let year = from; year <= to; year += 1) {
      const here = day(`${year}-01-01`);
      if (here >= first) this.svg.append(make("line", { class: "grid", x1: x(here), x2: x(here), y1: EDGE.top, y2: height - EDGE.bottom }));
      const middle = (Math.max(here, first) + Math.min(day(`${year}-12-31`), last)) / 2;
      if ((year - from) % step === 0) this.svg.append(make("text", { x: x(middle), y: height - 8, "text-anchor": "middle" }, String(year)));
    }
  }

  picks(days, x, height) {
    days.forEach((here, place) => {
      const before = place ? (x(here) - x(days[place - 1])) / 2 : 6;
      const after = place < days.length - 1 ? (x(days[place + 1]) - x(here)) / 2 : 6;
      const area = make("rect", { class: "pick", x: x(here) - before, width: before + after, y: EDGE.top, height: height - EDGE.top - EDGE.bottom });
      area.append(make("title", {}, `${this.series.dates[place]}: show this picture`));
      area.addEventListener("click", () => this.onPick(place));
      this.svg.append(area);
    });
  }

  // What the lines show, for who cannot see them.
  words() {
    const at = day(this.date);
    const name = "ndvi" in this.series.indices ? "ndvi" : Object.keys(this.all())[0];
    if (!name) return "A series without a valid date";
    const values = this.all()[name];
    const mean = (wanted) => {
      const found = values.filter((value, place) => value !== null && wanted(day(this.series.dates[place])));
      return found.length ? (found.reduce((sum, value) => sum + value, 0) / found.length).toFixed(2) : "unknown";
    };
    const seen = values.filter((value) => value !== null).length;
    return `${seen} of ${values.length} dates are valid. Mean ${nameOf(name)} before ${this.date}: ${mean((when) => when < at)}, after: ${mean((when) => when >= at)}.`;
  }

  tabulate() {
    const names = Object.keys(this.all());
    const cell = (kind, text, scope) => {
      const element = Object.assign(document.createElement(kind), { textContent: text });
      if (scope) element.scope = scope;
      return element;
    };
    const row = (cells) => { const line = document.createElement("tr"); line.append(...cells); return line; };
    const head = document.createElement("thead");
    head.append(row([cell("th", "date", "col"), cell("th", "valid", "col"), ...names.map((name) => cell("th", nameOf(name), "col"))]));
    const body = document.createElement("tbody");
    this.series.dates.forEach((date, place) => {
      const numbers = names.map((name) => this.all()[name][place]);
      const shown = numbers.map((number) => cell("td", number === null ? "–" : number.toFixed(3)));
      body.append(row([cell("th", date, "row"), cell("td", `${Math.round(100 * this.series.valid[place])} %`), ...shown]));
    });
    this.table.replaceChildren(head, body);
  }
}

function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(Number(value.toFixed(6)));
  return found;
}

// Questions to the server, and decisions that are kept here until it has them.

export class Refused extends Error {
  constructor(status, told) {
    super(told.given);
    this.status = status;
    this.told = told;
  }
}

const SILENT = { given: "no answer", expected: "a server that runs", do: "start landweave review again" };

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, SILENT);
  }
  const told = await response.json().catch(() => ({ ...SILENT, given: `answer ${response.status}` }));
  if (!response.ok) throw new Refused(response.status, told);
  return told;
}

export function ask(path, words = {}) {
  const known = Object.entries(words).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(known).toString();
  return answer(query ? `${path}?${query}` : path);
}

function tell(path, body) {
  return answer(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

// crypto.randomUUID is missing where the page is served by a name other than localhost without TLS.
export function newKey() {
  const numbers = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(numbers, (number) => number.toString(16).padStart(2, "0")).join("");
}

// Decisions on their way. Each is an entry of its own in the browser's storage, so that neither a reload nor a second
// tab loses one; the server keeps what comes twice with one key once.
export class Outbox {
  constructor(job, onChange) {
    this.prefix = `landweave-review:${job}:`;
    this.onChange = onChange;
    this.sending = null;
    this.problem = null;
  }

  entries() {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(this.prefix));
    const found = names.map((name) => ({ name, ...JSON.parse(localStorage.getItem(name)) }));
    return found.sort((one, other) => one.at - other.at);
  }

  get waiting() {
    return this.entries().filter((entry) => !entry.refused).length;
  }

  add(path, body) {
    const last = this.entries().at(-1);
    const at = Math.max(Date.now(), last ? last.at + 1 : 0);
    localStorage.setItem(this.prefix + body.key, JSON.stringify({ at, path, body }));
    return this.flush();
  }

  // One after the other, for an undo must not arrive before what it undoes.
  flush() {
    this.sending = (this.sending || Promise.resolve()).then(() => this.send());
    return this.sending;
  }

  async send() {
    this.problem = null;
    for (const entry of this.entries()) {
      if (entry.refused) continue;
      try {
        await tell(entry.path, entry.body);
        localStorage.removeItem(entry.name);
      } catch (error) {
        this.problem = error.told;
        const isFinal = error.status === 400 || error.status === 422;
        // What the server will never take is shown and left here; what it could not keep is sent again.
        if (isFinal) localStorage.setItem(entry.name, JSON.stringify({ ...entry, refused: error.told }));
        else break;
      }
    }
    this.onChange(this);
  }

  refused() {
    return this.entries().filter((entry) => entry.refused);
  }

  forget() {
    for (const entry of this.refused()) localStorage.removeItem(entry.name);
    this.onChange(this);
  }
}

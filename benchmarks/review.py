"""The page of `landweave review`: nothing is lost, and it answers at once.

Two browsers judge the same events at the same time while the server is killed with SIGKILL at random moments: every
decision that either page was told to be kept is there, and each has judged every event. Then a job of 10,000 events
with 10,000 decisions on it is asked what the page asks while a person works, and from a key to the next event's labels
on the screen is measured in the browser. Pictures come from windows: bytes read for them beside those of a scene.
Without arguments: 24 events for the two browsers, 60 questions of each kind; --full: 100 events, 400 questions. The
seed of the kills comes from --seed. Finished parts lie in benchmarks/results/review and are not measured again;
--again forgets them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from tests.review.browser import Person, chromium, until
from tests.review.making import DATES, make_job, open_own
from tests.review.serving import Served, serve, serving

from landweave.raster.files import bytes_had
from landweave.review.job import open_job
from landweave.review.previews import Previews
from landweave.review.state import fold
from landweave.review.store import Draft
from parts import measured
from scenes import figure, print_result

GOAL_MS, KILLS = 200.0, 3
QUESTIONS = {
    "next event": "/api/next?reviewer=Ada&order=doubt&after={row}",
    "an event": "/api/events/{row}?reviewer=Ada",
    "progress and agreement": "/api/progress?reviewer=Ada",
    "the job": "/api/job",
}


class Worker(threading.Thread):
    """One browser: judges until nothing is left, and remembers what it was told to be kept."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(name=name)
        self.address = address
        self.told: set[str] = set()
        self.num_keys = 0
        self.problem = ""

    def run(self) -> None:
        with chromium() as browser:
            person = Person(browser, self.address, self.name)
            person.tab.on("response", self.note)
            person.tab.select_option("#order", "file")
            try:
                while person.tab.locator("#done").is_hidden():
                    self.judge(person)
                until(
                    person.tab, "Object.keys(localStorage).every((name) => !name.startsWith('landweave-review:'))", 60
                )
            except TimeoutError as error:
                self.problem = str(error)

    def note(self, response: Any) -> None:
        if response.request.method == "POST" and response.status == 200:
            self.told.add(json.loads(response.request.post_data)["key"])

    def judge(self, person: Person) -> None:
        before = person.tab.evaluate("location.hash")
        person.press("ad"[self.num_keys % 2])
        self.num_keys += 1
        # Also over a kill: the page keeps the decision and goes on when a server answers again.
        until(person.tab, f"location.hash !== '{before}' || !document.getElementById('done').hidden", 90)


def two_browsers(folder: Path, num: int, seed: int) -> dict[str, Any]:
    """Two people judge all events while the server is killed again and again."""
    job, rng = make_job(folder, num), random.Random(seed)
    served: Served = serve(job)
    workers = [Worker(served.address, name) for name in ("Ada", "Bob")]
    for worker in workers:
        worker.start()
    kills = 0
    for share in sorted(rng.uniform(0.1, 0.9) for _ in range(KILLS)):
        while sum(worker.num_keys for worker in workers) < share * 2 * num and any(w.is_alive() for w in workers):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        served.kill()
        kills += 1
        time.sleep(rng.uniform(0, 2))
        served = serve(job, port=served.port)
    for worker in workers:
        worker.join()
    served.kill()
    history = open_own(open_job(job)).since()
    state = fold(history)
    told = set().union(*(worker.told for worker in workers))
    return {
        "kills": kills,
        "told": len(told),
        "lost": len(told - set(state.history)),
        "judged": {worker.name: len(state.judged(worker.name)) for worker in workers},
        "doubled": len(history) - len({one.key for one in history}),
        "problems": [worker.problem for worker in workers if worker.problem],
    }


def milliseconds(served: Served, path: str) -> float:
    began = time.perf_counter()
    assert served.get(path).status_code == 200
    return 1e3 * (time.perf_counter() - began)


def large_job(folder: Path, num: int, turns: int) -> tuple[dict[str, list[float]], list[float], int]:
    """Times of each question, from a key to the next event, and the number of decisions that are there."""
    job = make_job(folder, num, dates=DATES[::2], edge=400)
    opened = open_job(job)
    store = open_own(opened)
    for number, event in enumerate(opened.events):
        name = ("Ada", "Bob")[number % 2]
        draft = Draft(f"key-{number:08d}", opened.events[number // 2].id, "approve", event.from_id, event.to_id, name)
        store.append(draft)
    rng = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in [*QUESTIONS, "a decision"]}
    with serving(job) as served:
        for name, path in QUESTIONS.items():
            times[name] = [milliseconds(served, path.format(row=rng.randrange(num))) for _ in range(turns)]
        for turn in range(turns):
            body = {"key": f"key-more-{turn:05d}", "event": opened.events[turn].id, "kind": "discard", "reviewer": "Cy"}
            began = time.perf_counter()
            assert served.post("/api/decisions", body).status_code == 200
            times["a decision"].append(1e3 * (time.perf_counter() - began))
        return times, in_browser(served, max(turns // 10, 5)), len(store.since())


def in_browser(served: Served, turns: int) -> list[float]:
    """From the key that decides to the labels of the next event, in the browser's own clock."""
    with chromium() as browser:
        person = Person(browser, served.address, "Dora")
        found = []
        for _ in range(turns):
            person.ready()
            measured = person.tab.evaluate(
                """() => new Promise((resolve) => {
                  const began = performance.now(), facts = document.getElementById('facts');
                  new MutationObserver((_, watcher) => { watcher.disconnect(); resolve(performance.now() - began); })
                    .observe(facts, {childList: true});
                  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true}));
                })"""
            )
            found.append(float(measured))
        person.close()
        return found


def share_of_scene(job: Path) -> float:
    """Bytes read for the pictures of an event beside those of one band of a scene."""
    opened = open_job(job)
    previews = Previews(opened)
    before = bytes_had()
    for place in previews.sides(0):
        assert place is not None
        previews.picture(0, place, "true")
    height, width = opened.grid.shape
    return (bytes_had() - before) / (2 * height * width)


def reviewed(full: bool, seed: int) -> dict[str, Any]:
    """Two browsers and a server that is killed."""
    num = 100 if full else 24
    with tempfile.TemporaryDirectory(prefix="landweave-review-") as place:
        return {**two_browsers(Path(place), num, seed), "events": num}


def answered(full: bool) -> dict[str, Any]:
    """How long answers take for a job of 10,000 events with as many decisions."""
    turns = 400 if full else 60
    with tempfile.TemporaryDirectory(prefix="landweave-review-") as place:
        times, on_screen, num_decisions = large_job(Path(place), 10_000, turns)
        share = share_of_scene(Path(place) / "job")
    return {
        "turns": turns,
        "decisions": num_decisions,
        "share": share,
        "on_screen_ms": statistics.median(on_screen),
        "median_ms": {name: statistics.median(values) for name, values in times.items()},
        "slowest_ms": {name: max(values) for name, values in times.items()},
    }


def figures(told: dict[str, Any], large: dict[str, Any]) -> list[dict[str, Any]]:
    """What is to be shown, with the goals."""
    num, share = told["events"], large["share"]
    whole = told["judged"] == {"Ada": num, "Bob": num} and not told["problems"]
    found = [
        figure("decisions lost over kills", told["lost"], "decisions", "0", told["lost"] == 0),
        figure("decisions kept", told["told"], "decisions"),
        figure("each of two reviewers judged every event", float(whole), "yes or no", "1", whole),
    ]
    for name, worst in large["slowest_ms"].items():
        found.append(figure(f"{name}, median", large["median_ms"][name], "ms"))
        found.append(figure(f"{name}, slowest", worst, "ms", "below 200", worst < GOAL_MS))
    found.append(figure("from the key to the next event on the screen, median", large["on_screen_ms"], "ms"))
    found.append(figure("bytes of two pictures by those of a band", share, "ratio", "below 1", share < 1))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    size = "full" if asked.full else "short"
    told = measured("review", f"two-{size}-{asked.seed}", lambda: reviewed(asked.full, asked.seed), again=asked.again)
    large = measured("review", f"large-{size}", lambda: answered(asked.full), again=asked.again)
    print_result(figures(told, large), events=10_000, seed=asked.seed, reviewed=told, answered=large)


if __name__ == "__main__":
    main()

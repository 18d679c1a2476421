"""From measurements to efficiencies, a fitted model, predictions, a table and a figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.recipe import making, measured

from landweave.config import check
from landweave.errors import ConfigError, TaskError
from landweave.parallel.cost import Cluster
from landweave.recipe import measure, scale
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.scale import ScaleJob
from landweave.report.scaling import efficiencies

EVERY = [measured.of(num) for num in (1, 2, 4)]
CLUSTER = check(
    Cluster,
    {
        "name": "far away",
        "ranks_per_node": 4,
        "samples_per_s": 1000.0,
        "overlap": 0.0,
        "nodes": [1, 2],
        "within": {"latency_us": 0, "gigabytes_per_s": 100},
        "between": {"latency_us": 0, "gigabytes_per_s": 10},
    },
    "test",
)


def recipe(**changed: object) -> TrainRecipe:
    return making.recipe(Path("archive"), **{"batch_global": None, "batch_per_rank": 8, **changed})


def test_a_fit_finds_the_machine_that_was_measured() -> None:
    costs = scale.fit(EVERY)
    assert costs.per_sample_s == pytest.approx(0.01)
    assert costs.input_per_sample_s == pytest.approx(0.001)
    assert costs.within.latency_s == pytest.approx(1e-4, rel=1e-3)
    assert costs.within.s_per_byte == pytest.approx(1e-9, rel=1e-3)
    assert costs.overlap == pytest.approx(0.25, abs=1e-3)
    assert costs.ranks_per_node == 4


def test_one_rank_alone_tells_nothing_of_links() -> None:
    costs = scale.fit(EVERY[:1])
    assert costs.within == costs.between == type(costs.within)()
    assert costs.overlap == 0


def test_batches_of_several_sizes_tell_what_a_step_costs_without_samples() -> None:
    every = [measured.of(1, samples=num, compute_s=0.02 + 0.01 * num) for num in (8, 4)]
    costs = scale.fit(every)
    assert costs.per_step_s == pytest.approx(0.02)
    assert costs.per_sample_s == pytest.approx(0.01)


def test_efficiency_and_the_parts_of_a_step() -> None:
    found = scale.judge(EVERY, recipe(), 800, None)
    assert [point.ranks for point in found.measured] == [1, 2, 4]
    for point, one in zip(found.measured, EVERY, strict=True):
        assert point.step_s == pytest.approx(one.step_s)
        assert point.waiting_s == pytest.approx(0.004)
        assert point.samples_per_s == pytest.approx(8 * one.num_ranks / one.step_s)
    assert found.measured[0].communication_s == 0
    # Three quarters of a ring of 2 x 1/2 and 2 x 3/4 times 0.1 s, and its latencies.
    assert found.measured[1].communication_s == pytest.approx(0.75 * (0.1 + 8e-4))
    assert found.measured[2].communication_s == pytest.approx(0.75 * (0.15 + 24e-4))
    shares = efficiencies(found.measured)
    assert shares[0] == 1
    assert shares[1] == pytest.approx(EVERY[0].step_s / EVERY[1].step_s)
    assert found.predicted == ()


def test_the_model_stands_beside_what_was_measured() -> None:
    found = scale.judge(EVERY, recipe(), 800, None)
    for point, model in zip(found.measured, found.fitted, strict=True):
        assert model.step_s == pytest.approx(point.step_s - point.waiting_s, rel=1e-3)


def test_a_cluster_is_predicted_with_its_own_links_and_speed() -> None:
    found = scale.judge(EVERY, recipe(), 800, CLUSTER)
    assert [point.ranks for point in found.predicted] == [4, 8]
    near, far = found.predicted
    assert near.compute_s == far.compute_s == pytest.approx(8 / 1000)
    assert near.communication_s == pytest.approx(1.5 * 1e-3)
    assert far.communication_s == pytest.approx(1.75 * 1e-2)
    assert far.samples_per_s == pytest.approx(64 / far.step_s)


def test_a_cluster_without_a_speed_is_predicted_with_the_speed_of_here_and_says_so() -> None:
    found = scale.judge(EVERY, recipe(), 800, CLUSTER.model_copy(update={"samples_per_s": None}))
    assert found.predicted[0].compute_s == pytest.approx(0.08)
    assert "predicted for far away, each rank as fast as here" in scale.lines(found)


def test_a_global_batch_is_dealt_out_to_more_ranks() -> None:
    found = scale.judge(EVERY, recipe(batch_global=32, batch_per_rank=None), 800, CLUSTER)
    assert [point.compute_s for point in found.predicted] == pytest.approx([8e-3, 4e-3])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = scale.judge(EVERY, recipe(), 800, CLUSTER)
    found = replace(found, measured=(replace(found.measured[0], f1=0.7), *found.measured[1:]))
    job = check(ScaleJob, {"recipe": "r.toml"}, "test")
    scale.write(tmp_path, found, job)
    assert scale.read(tmp_path) == found
    assert "far away" in (tmp_path / scale.FIGURE).read_text()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    scale.write(tmp_path, found, job)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_the_lines_hold_all_of_it() -> None:
    found = scale.judge(EVERY, recipe(), 800, CLUSTER)
    found = replace(found, measured=(replace(found.measured[0], f1=0.7), *found.measured[1:]))
    text = scale.lines(found)
    assert text[0] == "measured here"
    for word in ("ranks", "samples/s", "efficiency", "compute", "comm.", "input", "model", "F1"):
        assert word in text[1]
    assert "100.0%" in text[2] and "0.700" in text[2]
    assert text[3].endswith("-")
    assert "predicted for far away" in text
    # 800 samples at 64 in 25.5 ms.
    assert text[-1].split()[0] == "8" and text[-1].endswith("318.8 ms")


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    made = making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(f'archive = "{made.folder}"\n')
    measure.save(tmp_path / "scale", measured.of(1))
    with pytest.raises(ConfigError) as refused:
        list(scale.run(check(ScaleJob, {"recipe": path}, "test"), tmp_path / "scale"))
    assert "another recipe or archive was measured" in refused.value.given
    assert "empty folder" in refused.value.expected
    assert "measured-*.json" in refused.value.do


def test_ranks_that_fail_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(f'archive = "{made.folder}"\n')

    def fail(words: object, num: int, threads: int, log: Path) -> int:
        log.write_text("much before\nexpected: a card that is not there")
        return 1

    monkeypatch.setattr(scale, "here", fail)
    with pytest.raises(TaskError) as failed:
        list(scale.run(check(ScaleJob, {"recipe": path}, "test"), tmp_path / "scale"))
    assert "scale on 1 ranks that ended with code 1" in failed.value.given
    assert "a card that is not there" in failed.value.given
    assert "scale-1.txt" in failed.value.do


def test_ranks_that_were_asked_to_stop_stop_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(f'archive = "{made.folder}"\n')
    monkeypatch.setattr(scale, "here", lambda *words: 130)
    with pytest.raises(SystemExit) as stopped:
        list(scale.run(check(ScaleJob, {"recipe": path}, "test"), tmp_path / "scale"))
    assert stopped.value.code == 130

"""The course of the learning rate as tables of facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.config import check
from landweave.errors import ConfigError
from landweave.train.schedules import Schedule

FACTS = [
    ({"name": "constant"}, 0, 1.0),
    ({"name": "constant"}, 999, 1.0),
    ({"name": "cosine"}, 0, 1.0),
    ({"name": "cosine"}, 500, 0.5),
    ({"name": "cosine", "end": 0.1}, 1000, 0.1),
    ({"name": "polynomial", "power": 2.0}, 500, 0.25),
    ({"name": "polynomial", "power": 1.0, "end": 0.5}, 500, 0.75),
    ({"name": "step", "at_epochs": [30, 60, 80]}, 299, 1.0),
    ({"name": "step", "at_epochs": [30, 60, 80]}, 300, 0.1),
    ({"name": "step", "at_epochs": [30, 60, 80]}, 899, 0.001),
    ({"name": "constant", "warmup_epochs": 5}, 0, 0.02),
    ({"name": "constant", "warmup_epochs": 5}, 49, 1.0),
    ({"name": "constant", "warmup_epochs": 0.05}, 0, 1.0),
    ({"name": "cosine", "warmup_epochs": 20}, 200, 1.0),
    ({"name": "cosine", "warmup_epochs": 20}, 600, 0.5),
    ({"name": "cyclic", "cycle_epochs": 20}, 0, 0.0),
    ({"name": "cyclic", "cycle_epochs": 20}, 50, 0.5),
    ({"name": "cyclic", "cycle_epochs": 20}, 100, 1.0),
    ({"name": "cyclic", "cycle_epochs": 20, "end": 0.2}, 150, 0.6),
    ({"name": "cyclic", "cycle_epochs": 20}, 400, 0.0),
    ({"name": "cyclic", "cycle_epochs": 20, "warmup_epochs": 5}, 50, 1.0),
    ({"name": "cyclic", "cycle_epochs": 20, "warmup_epochs": 5}, 150, 0.0),
]


@pytest.mark.parametrize(("table", "step", "factor"), FACTS)
def test_factors_at_steps_of_1000(table: dict[str, object], step: int, factor: float) -> None:
    schedule = check(Schedule, table, "test")
    assert schedule.factor(step, steps_per_epoch=10, epochs=100) == pytest.approx(factor)


@given(st.sampled_from(["cosine", "polynomial", "step"]), st.floats(0, 5), st.integers(1, 20), st.integers(1, 30))
def test_after_warm_up_it_only_goes_down_and_stays_within_0_and_1(
    name: str, warmup: float, steps: int, epochs: int
) -> None:
    schedule = check(Schedule, {"name": name, "warmup_epochs": warmup, "at_epochs": [2, 5]}, "test")
    factors = [schedule.factor(step, steps, epochs) for step in range(steps * epochs)]
    assert all(0 <= factor <= 1 + 1e-12 for factor in factors)
    after = [factor for step, factor in enumerate(factors) if step >= warmup * steps]
    assert after == sorted(after, reverse=True)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        check(Schedule, {"name": "cosin"}, "recipe.toml")
    assert "cosin" in refused.value.given
    assert "cosine" in refused.value.expected
    assert "mend" in refused.value.do

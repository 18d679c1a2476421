"""The wrong old map: chosen omission and commission."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.simulate.making import world

from landweave.legend import legend
from landweave.simulate.lattice import Axes
from landweave.simulate.mistakes import OldMap, flows, mistaken
from landweave.simulate.truth import cover, old_map
from landweave.tiling import Window

NAMES = legend("simulated-8").names
AREAS = [0.08, 0.3, 0.25, 0.12, 0.1, 0.07, 0.03, 0.05]
DATE = dt.date(2018, 7, 1)
PARTS_OF_1 = st.floats(0, 0.4)


def omitted(flow: np.ndarray, name: str) -> float:
    return float(1 - flow[NAMES.index(name), NAMES.index(name)])


def committed(flow: np.ndarray, name: str) -> float:
    index = NAMES.index(name)
    mapped = (flow * np.array(AREAS)[:, None])[:, index]
    return float(1 - mapped[index] / mapped.sum())


def test_omission_is_met() -> None:
    flow = flows(AREAS, {"Cropland": 0.2, "Water": 0.05}, {})
    assert omitted(flow, "Cropland") == pytest.approx(0.2)
    assert omitted(flow, "Water") == pytest.approx(0.05)
    assert omitted(flow, "Grassland") == 0


def test_commission_is_met_where_omission_makes_room() -> None:
    flow = flows(AREAS, {"Cropland": 0.2, "Grassland": 0.1}, {"Shrubland": 0.3, "Built-up": 0.1})
    assert committed(flow, "Shrubland") == pytest.approx(0.3, abs=1e-3)
    assert committed(flow, "Built-up") == pytest.approx(0.1, abs=1e-3)


def test_too_much_commission_is_cut() -> None:
    flow = flows(AREAS, {"Water": 0.1}, {"Grassland": 0.3})
    assert 0 < committed(flow, "Grassland") < 0.05
    assert omitted(flow, "Water") == pytest.approx(0.1)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(st.sampled_from(NAMES), PARTS_OF_1, max_size=8),
    st.dictionaries(st.sampled_from(NAMES), PARTS_OF_1, max_size=8),
)
def test_flows_are_shares(omission: dict[str, float], commission: dict[str, float]) -> None:
    flow = flows(AREAS, omission, commission)
    assert np.allclose(flow.sum(axis=1), 1)
    assert flow.min() >= -1e-9
    for name in NAMES:
        wanted = omission.get(name, 0.0)
        # Alone in asking, a class cannot lose area to itself.
        assert omitted(flow, name) == pytest.approx(wanted, abs=2e-3) or set(commission) == {name}


OLD = OldMap(date=DATE, omission={"Cropland": 0.25, "Grassland": 0.1}, commission={"Shrubland": 0.2}, patch_m=60)


def test_the_map_is_wrong_as_asked() -> None:
    axes = Axes.of(Window(0, 0, 900, 900), 10.0)
    truth = np.random.default_rng(1).choice(8, (90, 90), p=np.array(AREAS) / sum(AREAS)).astype(np.uint8)
    truth = np.kron(truth, np.ones((10, 10), np.uint8))
    found = mistaken(truth, axes, 7, OLD, flows(AREAS, OLD.omission, OLD.commission))
    lost = {name: float((found != truth)[truth == NAMES.index(name)].mean()) for name in NAMES}
    assert lost["Cropland"] == pytest.approx(0.25, abs=0.03)
    assert lost["Grassland"] == pytest.approx(0.1, abs=0.03)
    assert lost["Water"] == 0
    shrubs = found == NAMES.index("Shrubland")
    assert (truth != found)[shrubs].mean() == pytest.approx(0.2, abs=0.04)


def test_mistakes_are_patches() -> None:
    made = world(size_px=300)
    truth = cover(made, made.window, DATE)
    wrong = old_map(made, made.window, OLD) != truth
    assert 0.03 < wrong.mean() < 0.3
    # Of the neighbours of a wrong pixel most are wrong: the mistakes are no salt and pepper.
    assert wrong[:, 1:][wrong[:, :-1]].mean() > 0.7


def test_a_part_of_the_old_map_is_the_part_of_the_whole() -> None:
    made = world(size_px=120)
    whole = old_map(made, made.window, OLD)
    part = Window(31, 17, 50, 70)
    assert np.array_equal(old_map(made, part, OLD), whole[part.slices])


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValidationError, match="Cropland"):
        OldMap(date=DATE, omission={"Croplands": 0.1})


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.4])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValidationError):
        OldMap(date=DATE, commission={"Cropland": share})

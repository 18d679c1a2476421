"""Microwindows at the wavenumbers that Sedona et al. 2020 (Atmos. Meas. Tech. 13, 3661) print."""

from __future__ import annotations

import pytest

from landweave.spectra.microwindows import CENTRES_PER_CM, MICROWINDOWS, NUM, NUM_PAIRS, pairs

# Table 3: indices of the ten most important differences, and their wavenumbers in cm-1.
TABLE_3 = [
    ((85, 105), (1225.5, 1410.5)),
    ((61, 83), (942.5, 964.5)),
    ((57, 76), (839.5, 957.5)),
    ((37, 56), (819.5, 838.5)),
    ((86, 139), (1226.5, 820)),
    ((58, 139), (840.5, 820)),
    ((40, 87), (822.5, 1227.5)),
    ((26, 139), (808.5, 820)),
    ((27, 101), (809.5, 1406.5)),
    ((102, 137), (1407.5, 792.2)),
]
# Table 1: indices and wavenumbers of the regions. R1 ends and R2 begins one index later, as Table 3 has them; R5's six
# windows of 1 cm-1 do not fit into its 5 cm-1.
TABLE_1 = {
    "R1": (0, 58, 782, 841),
    "R2": (59, 83, 940, 965),
    "R3": (84, 98, 1224, 1250),
    "R4": (99, 106, 1404, 1412),
    "R5": (107, 112, 1930, 1936),
    "R6": (113, 125, 1972, 1985),
    "R7": (126, 130, 2001, 2006),
    "R8": (131, 136, 2140, 2146),
    "W1": (137, 137, 788.2, 796.2),
    "W2": (138, 138, 832, 834.4),
    "W3": (139, 139, 819, 821),
    "W4": (140, 140, 832.3, 834.4),
    "W5": (141, 141, 947.5, 950),
}


@pytest.mark.parametrize(("indices", "wavenumbers"), TABLE_3)
def test_pairs_of_table_3(indices: tuple[int, int], wavenumbers: tuple[float, float]) -> None:
    assert tuple(MICROWINDOWS[index].centre_per_cm for index in indices) == wavenumbers
    assert not any(MICROWINDOWS[index].is_ours for index in indices)


@pytest.mark.parametrize("region", TABLE_1)
def test_regions_of_table_1(region: str) -> None:
    own = [window for window in MICROWINDOWS if window.region == region]
    assert (own[0].index, own[-1].index, own[0].lower_per_cm, own[-1].upper_per_cm) == TABLE_1[region]


def test_there_are_as_many_as_printed() -> None:
    assert NUM == len(CENTRES_PER_CM) == 142
    assert NUM_PAIRS == len(pairs()[0]) == 10_011
    assert [window.index for window in MICROWINDOWS] == list(range(142))
    assert sum(window.region.startswith("R") for window in MICROWINDOWS) == 137

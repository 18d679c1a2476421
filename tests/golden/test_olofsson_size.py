"""How many sampling units are needed: the worked example of Olofsson et al. (2014, section 5.1.1)."""

from __future__ import annotations

from landweave.review.strata import num_units


def test_the_papers_example() -> None:
    # Table 5: deforestation, forest gain, stable forest, stable non-forest; 30 m Landsat pixels of 10 million in all.
    sizes = [200_000, 150_000, 3_200_000, 6_450_000]
    assert num_units(sizes, [0.7, 0.6, 0.9, 0.95], 0.01) == 641

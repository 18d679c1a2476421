"""Whether LAMB at a batch of 4,096 ends where Adam at 64 does where a patch has several labels, by micro-F1.

As large_batch.py, on Sentinel-2 patches of 36 x 36 pixels of 10 m with twelve bands, each with every class of the
world that covers at least 2 % of it; one seed. Without arguments: few patches and epochs, no goals; --full: the form
that docs/numbers.md quotes.
"""

from __future__ import annotations

from large_batch import FULL_LABELS, SHORT_LABELS, run

if __name__ == "__main__":
    run(FULL_LABELS, SHORT_LABELS, __doc__ or "")

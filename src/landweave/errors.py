"""The errors that a user can cause: each says what was given, what was expected, and what to do."""

from __future__ import annotations


class LandweaveError(Exception):
    """A mistake that the user can mend.

    Args:
        given: What landweave was given, with the file, key or number in question.
        expected: What it would have taken.
        do: The next thing that the user should do.
    """

    def __init__(self, given: str, expected: str, do: str) -> None:
        super().__init__(given, expected, do)
        self.given = given
        self.expected = expected
        self.do = do

    def __str__(self) -> str:
        return f"given: {self.given}\nexpected: {self.expected}\nto do: {self.do}"


class ConfigError(LandweaveError, ValueError):
    """A configuration has an unknown key, a wrong value or parts that contradict each other."""


class SensorError(LandweaveError, ValueError):
    """A sensor or band is unknown, missing, in another order, or not the one that was expected."""


class RadiometryError(LandweaveError, ValueError):
    """Unit, scale, offset or processing baseline do not agree or do not tell."""


class GridError(LandweaveError, ValueError):
    """CRS, pixel size or extent do not fit together."""


class LegendError(LandweaveError, ValueError):
    """A legend or class is unknown, or two legends differ."""


class SceneError(LandweaveError, OSError):
    """A scene's file is missing, truncated, empty or not what its name says."""


class CatalogError(LandweaveError, ValueError):
    """A catalog is empty, unreadable or of another format."""


class ArchiveError(LandweaveError, OSError):
    """An archive of patches is missing, damaged or does not hold what was asked for."""


class GalleryError(LandweaveError, OSError):
    """A gallery is missing, damaged, of another encoder, or does not hold what was asked for."""


class SplitError(LandweaveError, ValueError):
    """Training, validation and test parts are empty, overlap or touch."""


class CardError(LandweaveError, ValueError):
    """A card is missing, damaged, foreign, or does not fit the scene."""


class CheckpointError(LandweaveError, ValueError):
    """A checkpoint is damaged or belongs to another recipe."""


class DivergedError(LandweaveError, ArithmeticError):
    """Training came to losses or weights that are NaN or infinite."""


class OutputError(LandweaveError, OSError):
    """The output cannot be written, is full, or holds another job's work."""


class TaskError(LandweaveError, RuntimeError):
    """A task failed for a reason outside landweave, a process that died for example."""


class SampleError(LandweaveError, ValueError):
    """Sampling units are no probability sample, or too few for the estimate asked for."""


class SpectraError(LandweaveError, ValueError):
    """Limb spectra, what stands beside them, and models of them do not fit together."""


class SeriesError(LandweaveError, ValueError):
    """Dates, scenes, grids or samples of a series do not fit together."""


class ReviewError(LandweaveError, ValueError):
    """Events, decisions and the place where they are kept do not fit together."""


class MissingPackageError(LandweaveError, ImportError):
    """An optional package is not installed."""

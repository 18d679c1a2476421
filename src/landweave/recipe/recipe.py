"""The recipe of a training run: what stands in recipe.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from landweave.config import Config
from landweave.models.card import CLASSICAL
from landweave.models.table import SERIES
from landweave.parallel.replicate import Compression
from landweave.parallel.schedule import Schedule as Pipeline
from landweave.train.losses import Form
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Wanted
from landweave.train.schedules import Schedule

Task = Literal["pixels", "patches", "multilabel"]


class LossTable(Config):
    """What is made small."""

    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    """none; balanced (each class counts as if it were as frequent as the others); or a weight for each class by name,
    1 for those that are not named."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each label that is spread over all classes."""
    name: Literal["plain", "focal", "asymmetric"] = "plain"
    """plain cross entropy; focal (what is sure and right counts less); or asymmetric, for several labels a patch."""
    gamma: float = Field(default=2.0, ge=0)
    """How much less, as a power, in focal; in asymmetric for labels that are there, where 0 to 1 is usual."""
    gamma_absent: float = Field(default=4.0, ge=0)
    """The power of asymmetric for labels that are not there."""
    margin: float = Field(default=0.05, ge=0, lt=1)
    """Probability up to which asymmetric leaves labels alone that are not there."""

    @property
    def form(self) -> Form:
        """The loss as train/ takes it."""
        return Form(self.name, self.smoothing, self.gamma, self.gamma_absent, self.margin)


class StoppingTable(Config):
    """When training ends before the last epoch, and which weights are kept."""

    monitor: Literal["auto", "loss", "overall_accuracy", "macro_f1", "mean_iou", "kappa", "micro_f1"] = "auto"
    """Figure of the validation part by which weights are judged; auto: overall_accuracy, micro_f1 if multilabel."""
    patience_epochs: int | None = Field(default=None, ge=1)
    """Epochs without a better figure after which training stops; left away, all epochs are trained."""


class TrainRecipe(Config):
    """A training run."""

    archive: Path
    """The folder of patches to learn from, relative to where the command is run."""
    network: str = "unet"
    """Name of a network (unet, fcn, segnet, deeplab, resnet18, resnet50, pixel; two_branch for pairs), or forest,
    linear, neighbours or svm for a classical baseline."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the network takes beside bands and classes (docs/methods/training.md lists them)."""
    task: Task = "pixels"
    """pixels (a class for each pixel), patches (one class a patch) or multilabel (several labels a patch)."""
    sensor: str | None = None
    """The sensor that the archive must be of; left away, any."""
    legend: str | None = None
    """The legend that the archive must have; left away, any."""
    bands: tuple[str, ...] | None = None
    """Bands in the order in which the network takes them; left away, all of the archive."""
    upsampling: Literal["bilinear", "super"] = "bilinear"
    """How coarser bands come to the finest pixels: bilinear, or super, as the archive's data_super has them (landweave
    patch --super)."""
    start: Path | None = None
    """A card to begin from, with its normalisation; left away, first weights are drawn."""
    only: Path | None = None
    """A file that names the patches to keep to: text with one id a line, or Parquet with a column id."""
    loss: LossTable = LossTable()
    """What is made small."""
    optimiser: OptimiserTable = OptimiserTable()
    """How gradients become updates."""
    schedule: Schedule = Schedule()
    """How the learning rate goes over the run."""
    stopping: StoppingTable = StoppingTable()
    """When training ends before the last epoch, and which weights are kept."""
    epochs: int = Field(default=30, ge=1)
    """How often every training sample is seen."""
    batch_global: int | None = Field(default=None, ge=1)
    """Samples of one update on all ranks together; 32 where neither batch is given."""
    batch_per_rank: int | None = Field(default=None, ge=1)
    """Samples of one update on each rank, instead of batch_global: the global batch then grows with the ranks."""
    grow_batch: tuple[tuple[int, int], ...] = ()
    """Pairs of an epoch (from 0) and how many times as large the global batch is from there on: [[30, 4], [60, 16]].
    The rate is left as it is: a larger batch stands for a lower rate (Smith et al. 2018)."""
    accumulate: int = Field(default=1, ge=1)
    """Micro-batches that each global batch is cut into, one after the other, where memory does not hold it at once.
    Batch norm takes its statistics from each micro-batch by itself."""
    sampling: Literal["each", "class_aware"] = "each"
    """each: every sample once an epoch; class_aware: every class equally often, for labels of patches."""
    mixup: float = Field(default=0.0, ge=0)
    """Samples are blended in pairs with shares from Beta(mixup, mixup); 0 blends none, 0.2 is usual."""
    augment: Literal["none", "dihedral"] = "dihedral"
    """none, or dihedral: each sample in one of the eight symmetries of the square, drawn anew in each epoch."""
    norm_over_ranks: bool = False
    """Whether batch norm takes the samples of all ranks together, so that the number of ranks changes nothing; slower.
    Without it each rank normalises its own samples, and other ranks give (slightly) other weights."""
    precision: Wanted = "auto"
    """fp32, bf16, or auto: bf16 where the machine computes in it faster."""
    compile: bool = False
    """Whether training runs through torch.compile: faster on GPUs, mostly slower on CPUs; it needs a C++ compiler."""
    compression: Compression = "none"
    """How gradients are sent between ranks: none, bf16 (NCCL only) or powersgd (approximately; what it carries on of
    earlier gradients is not in checkpoints: a run of several ranks that goes on is only near the one never stopped)."""
    placement: str | dict[str, str] | None = None
    """On which rank which layers of one network stand: baseline, optimized, auto, or a line for each branch and the
    trunk (docs/methods/placement.md); left away, each rank holds all. It changes nothing that is learnt."""
    pipeline: Pipeline = "1f1b"
    """The order in which ranks of a placed network compute its micro-batches (accumulate): 1f1b, or gpipe, which holds
    the activations of all of them at once."""
    cluster: Path | None = None
    """The TOML of the ranks that a placement must fit (docs/verbs/plan.md); left away, processes of this machine."""
    thresholds: Literal["half", "tuned"] = "half"
    """From which probability on a label is told (multilabel): one half, or each class's best on the validation part."""
    seed: int = Field(default=1, ge=0)
    """Decides first weights, order of samples, augmentation and dropout."""
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    """Seconds between two checkpoints: as much work is lost when a process dies. The end brings one anyway."""
    checkpoint_every_steps: int = Field(default=0, ge=0)
    """Updates between two checkpoints instead of seconds; 0 leaves it to the seconds."""
    log_every_steps: int = Field(default=10, ge=1)
    """Updates between two lines of the log."""

    @model_validator(mode="after")
    def _fits(self) -> TrainRecipe:
        if self.network in SERIES:
            raise ValueError(f'a network of patches; {self.network} takes series: task = "series"')
        if self.batch_global is not None and self.batch_per_rank is not None:
            raise ValueError("batch_global or batch_per_rank, not both")
        if self.stopping.monitor == "micro_f1" and self.task != "multilabel":
            raise ValueError("micro_f1 for task multilabel only")
        if self.task == "multilabel" and self.stopping.monitor in {"overall_accuracy", "mean_iou", "kappa"}:
            raise ValueError("loss, micro_f1 or macro_f1 to be watched for task multilabel")
        if self.task != "multilabel" and (self.loss.name == "asymmetric" or self.thresholds == "tuned"):
            raise ValueError("loss asymmetric and tuned thresholds for task multilabel only")
        if self.task == "pixels" and self.sampling == "class_aware":
            raise ValueError("sampling class_aware for task patches or multilabel")
        if any(begins < 0 or times < 1 for begins, times in self.grow_batch):
            raise ValueError("grow_batch with epochs from 0 on and whole numbers from 1 on")
        if self.placement is not None and (self.compile or self.compression != "none" or self.network in CLASSICAL):
            raise ValueError("a placement without compile, compression or a classical model")
        if len(set(self.bands or ())) < len(self.bands or ()):
            raise ValueError("bands that are named once each")
        return self

    @property
    def monitor(self) -> str:
        """The figure by which weights are judged."""
        if self.stopping.monitor != "auto":
            return self.stopping.monitor
        return "micro_f1" if self.task == "multilabel" else "overall_accuracy"

    def samples_per_step(self, num_ranks: int) -> int:
        """Samples of one update on all ranks together.

        The result does not depend on the ranks unless batch_per_rank is given.
        """
        if self.batch_per_rank is not None:
            return self.batch_per_rank * num_ranks
        return self.batch_global or 32

    def scaled_optimiser(self, num_ranks: int) -> OptimiserTable:
        """The optimiser with the rate that belongs to the (first) global batch."""
        return self.optimiser.scaled(self.samples_per_step(num_ranks))

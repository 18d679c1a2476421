"""Ranks are started with what they must know, end together, and their exit code is that of the first that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.parallel import slurm

from landweave.errors import ConfigError
from landweave.parallel import launch
from landweave.parallel.launch import SlurmJob, here, slurm_script
from landweave.parallel.world import find_place

TELL = """\
import os, sys
names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "OMP_NUM_THREADS")
open(sys.argv[1] + os.environ["RANK"], "w").write(" ".join(os.environ[name] for name in names))
"""


def python(code: str, *words: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, words)]


def test_ranks_are_told_their_place(tmp_path: Path) -> None:
    assert here(python(TELL, tmp_path / "rank-"), 3, threads=2) == 0
    for rank in range(3):
        assert (tmp_path / f"rank-{rank}").read_text() == f"{rank} 3 {rank} 127.0.0.1 2"


def test_the_code_is_that_of_the_rank_that_failed() -> None:
    assert here(python("import os, sys; sys.exit(7 if os.environ['RANK'] == '1' else 0)"), 2, threads=1) == 7


def test_a_rank_that_was_killed_counts_as_in_a_shell() -> None:
    code = "import os; os.environ['RANK'] == '0' and os.kill(os.getpid(), 9)"
    assert here(python(code), 2, threads=1) == 128 + signal.SIGKILL


def test_a_rank_that_does_not_end_after_another_failed_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_LATE_S", 0.2)
    code = "import os, sys, time; sys.exit(3) if os.environ['RANK'] == '0' else time.sleep(60)"
    assert here(python(code), 2, threads=1) == 3


WAIT = """\
import pathlib, signal, sys, time, os
def leave(number, frame):
    pathlib.Path(sys.argv[1] + os.environ["RANK"]).write_text(str(number))
    sys.exit(130)
signal.signal(signal.SIGTERM, leave)
pathlib.Path(sys.argv[1] + "up" + os.environ["RANK"]).touch()
time.sleep(60)
"""


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_who_is_asked_to_stop_asks_all_ranks(tmp_path: Path, asked: signal.Signals) -> None:
    def ask() -> None:
        while len(list(tmp_path.glob("up*"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), asked)

    threading.Thread(target=ask).start()
    assert here(python(WAIT, f"{tmp_path}/"), 2, threads=1) == launch.STOPPED
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == [str(int(signal.SIGTERM))] * 2


JOB = SlurmJob("run", 2, 4, 10, True, "1-04:00:00", "booster", "me@lab", 120, ("module load CUDA",))


def check_syntax(script: str, path: Path) -> None:
    path.write_text(script)
    subprocess.run(["bash", "-n", path], check=True)


def test_a_script_asks_slurm_for_what_the_job_needs(tmp_path: Path) -> None:
    script = slurm_script(JOB, ["landweave", "train", "a recipe.toml", "-o", "run"], Path("/data/it's here"))
    check_syntax(script, tmp_path / "job")
    for wanted in (
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks-per-node=4",
        "#SBATCH --cpus-per-task=10",
        "#SBATCH --gpus-per-node=4",
        "#SBATCH --time=1-04:00:00",
        "#SBATCH --partition=booster",
        "#SBATCH --account=me@lab",
        "#SBATCH --signal=TERM@120",
        "module load CUDA",
        "OMP_NUM_THREADS=10",
        "landweave train 'a recipe.toml' -o run",
    ):
        assert wanted in script
    # Directives stand before the first command, or SLURM does not read them.
    assert script.rindex("#SBATCH") < script.index("set -euo")


def test_what_is_not_asked_for_is_left_to_slurm(tmp_path: Path) -> None:
    script = slurm_script(SlurmJob("run"), ["true"], tmp_path)
    check_syntax(script, tmp_path / "job")
    assert not any(word in script for word in ("partition", "account", "gpus"))


@pytest.mark.parametrize(
    ("changed", "given", "expected", "do"),
    [
        ({"time_limit": "soon"}, "time limit 'soon'", "hh:mm:ss", "04:00:00"),
        ({"time_limit": "1:00\n#SBATCH --wrap=x"}, "time limit", "minutes", "write"),
        ({"partition": "a b"}, "partition 'a b'", "letters", "another partition"),
        ({"account": "x\ny"}, "account", "letters", "another account"),
        ({"name": "run;rm"}, "job name 'run;rm'", "letters", "another job name"),
        ({"nodes": 0}, "0 nodes", "at least one", "--nodes"),
    ],
)
def test_what_slurm_would_misread_is_refused(changed: dict[str, object], given: str, expected: str, do: str) -> None:
    with pytest.raises(ConfigError) as refused:
        SlurmJob(**{"name": "run", **changed})  # type: ignore[arg-type]
    assert given in refused.value.given
    assert expected in refused.value.expected
    assert do in refused.value.do


def test_the_script_is_queued_again_only_when_time_ran_out(tmp_path: Path) -> None:
    for code, again in ((launch.STOPPED, True), (1, False)):
        ended = slurm.run_script(slurm_script(SlurmJob("run"), ["bash", "-c", f"exit {code}"], tmp_path), tmp_path)
        assert ended.returncode == code
        assert (tmp_path / "asked").exists() == again
        (tmp_path / "asked").unlink(missing_ok=True)


def test_places_are_read_from_torchrun_then_srun() -> None:
    meet = {"MASTER_ADDR": "a", "MASTER_PORT": "1"}
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
    srun = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0", "SLURM_NTASKS": "8"}
    place = find_place({**meet, **torchrun, **srun})
    assert (place.rank, place.size, place.local_rank) == (3, 4, 1)
    place = find_place({**meet, **srun})
    assert (place.rank, place.size, place.local_rank) == (1, 2, 0)
    del srun["SLURM_STEP_NUM_TASKS"]
    assert find_place({**meet, **srun}).size == 8
    # An allocation without srun: one process, whatever was allocated.
    assert find_place(srun).size == 1
    assert find_place({}).size == find_place({"WORLD_SIZE": "1"}).size == 1


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}, "without MASTER_ADDR, MASTER_PORT", "all of RANK"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}, "SLURM_STEP_NUM_TASKS=2", "SLURM_"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            "RANK=2",
            "below",
        ),
        (
            {"WORLD_SIZE": "x", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            "WORLD_SIZE=x",
            "whole",
        ),
    ],
)
def test_an_environment_that_describes_no_world_is_refused(
    environment: dict[str, str], given: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        find_place(environment)
    assert given in refused.value.given
    assert expected in refused.value.expected
    assert "torchrun" in refused.value.do

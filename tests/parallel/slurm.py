"""Stand-ins for SLURM: a script runs as sbatch would run it, with two ranks on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# What srun and scontrol do for one step on this machine, where neither is installed.
SRUN = """\
#!/bin/bash
[ "$1" = --kill-on-bad-exit=1 ] || exit 9
shift
for rank in 0 1; do
  SLURM_PROCID=$rank SLURM_LOCALID=$rank SLURM_STEP_NUM_TASKS=2 "$@" & ranks+=($!)
done
code=0
for rank in "${ranks[@]}"; do wait "$rank" || code=$?; done
exit "$code"
"""
SCONTROL = """\
#!/bin/bash
if [ "$1" = show ]; then printf 'localhost\\nother\\n'; else echo "$@" > "$ASKED"; fi
"""


def run_script(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The script run as sbatch would, with stand-ins for srun and scontrol."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    told = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "n[1-2]"}
    told |= {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "ASKED": str(folder / "asked"), **more}
    return subprocess.run(
        ["bash", "-c", script], env={**os.environ, **told}, capture_output=True, text=True, check=False, timeout=200
    )

"""A Slurm of four small programs: jobs are processes of this machine, their numbers and states files in a folder.

`install(folder)` writes `sbatch`, `srun`, `sacct` and `scancel`; each is this very file under another name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

STATES = Path(__file__).resolve().parent / "states"


def install(folder):
    """Write the programs; `folder` belongs in front of PATH, `folder/states` has a file for each job."""
    (folder / "states").mkdir(parents=True)
    for name in ("sbatch", "srun", "sacct", "scancel"):
        path = folder / name
        path.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text())
        path.chmod(0o755)


def submitted(folder):
    """Texts of all that was given to sbatch, in order."""
    return [path.read_text() for path in sorted((folder / "states").glob("*.script"))]


def cancelled(folder):
    """Jobs that were cancelled."""
    return {path.stem for path in (folder / "states").glob("*.state") if path.read_text() == "CANCELLED"}


def sbatch(script):
    text = Path(script).read_text()
    if "--partition=missing" in text:
        sys.exit("sbatch: error: invalid partition specified: missing")
    number = len(list(STATES.glob("*.script"))) + 1
    shutil.copy(script, STATES / f"{number}.script")
    array = re.search(r"--array=0-(\d+)", text)
    for index in range(int(array[1]) + 1) if array else [None]:
        name = str(number) if index is None else f"{number}_{index}"
        facts = {"SLURM_JOB_ID": str(number), "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_PROCID": "0"}
        if index is not None:
            facts |= {"SLURM_ARRAY_JOB_ID": str(number), "SLURM_ARRAY_TASK_ID": str(index)}
        state = STATES / f"{name}.state"
        end = f"bash {script} && echo -n COMPLETED > {state} || echo -n FAILED > {state}"
        state.write_text("RUNNING")
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        job = subprocess.Popen(["bash", "-c", end], env=os.environ | facts, start_new_session=True, **silent)
        (STATES / f"{name}.pid").write_text(str(job.pid))
    print(f"Submitted batch job {number}")


def srun(*words):
    words = list(words)
    streams = {}
    while words[0].startswith("--"):
        word = words.pop(0)
        if word in ("--output", "--error"):
            streams[word] = words.pop(0)
    job = os.environ["SLURM_JOB_ID"]
    for word, pattern in streams.items():
        index = os.environ.get("SLURM_ARRAY_TASK_ID", "")
        path = pattern.replace("%A", job).replace("%a", index).replace("%j", job).replace("%t", "0")
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1 if word == "--output" else 2)
    os.execvp(words[0], words)


def sacct(*words):
    wanted = [words[number + 1] for number, word in enumerate(words) if word == "-j"]
    print("JobID|State|NodeList")
    for path in sorted(STATES.glob("*.state")):
        if path.stem.partition("_")[0] in wanted:
            print(f"{path.stem}|{path.read_text()}|here")


def scancel(job):
    (STATES / f"{job}.state").write_text("CANCELLED")
    os.killpg(int((STATES / f"{job}.pid").read_text()), signal.SIGKILL)


if __name__ == "__main__":
    {"sbatch": sbatch, "srun": srun, "sacct": sacct, "scancel": scancel}[Path(sys.argv[0]).name](*sys.argv[1:])

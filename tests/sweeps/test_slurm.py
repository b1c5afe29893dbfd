"""Slurm by submitit: with its own processes in the place of jobs, and with a Slurm of small programs."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import executor_helpers as tasks
import fake_slurm
import pytest

from hashbench.errors import UserError
from hashbench.results.find import find_runs
from hashbench.sweeps.executors.slurm import SlurmExecutor

needs_submitit = pytest.mark.skipif(
    importlib.util.find_spec("submitit") is None, reason='needs submitit: pip install "hashbench[slurm]"'
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Jobs find the tasks of the tests, and leave what they leave in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent)]))


@pytest.fixture
def local():
    """local(jobs, **options): jobs are processes of this machine."""
    return lambda jobs, **options: SlurmExecutor(jobs, "cpu", cluster="local", **options)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """slurm(jobs, device, **options): jobs of a Slurm in the folder slurm.folder."""
    fake_slurm.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def make(jobs=None, device="auto", **options):
        executor = SlurmExecutor(jobs, device, **options)
        executor._poll, executor._patience = 0.1, 0.2
        return executor

    make.folder = tmp_path / "bin"
    return make


def run_all(executor, calls):
    """All ends, by key."""
    for key, (function, *arguments) in enumerate(calls):
        executor.start(key, function, *arguments)
    ended = {}
    while len(ended) < len(calls):
        ended |= {one.key: one for one in executor.wait()}
    return ended


def logs(tmp_path):
    return sorted(path.name.partition("_")[2] for path in tmp_path.glob("slurm-logs/*/*"))


@needs_submitit
def test_jobs_answer_raise_or_die_and_only_what_failed_leaves_a_log(local, tmp_path):
    with local(3) as executor:
        assert executor.wait(0.01) == []
        ended = run_all(executor, [(tasks.times, 2, 3), (divmod, 1, 0), (tasks.die,)])
    assert ended[0].value == 6
    assert ended[1].death == "ZeroDivisionError: integer division or modulo by zero"
    assert ended[2].death.startswith("its job ")
    assert "ended without an answer (state FINISHED); its log is " in ended[2].death
    log = Path(ended[2].death.rpartition("its log is ")[2])
    assert log.is_file()
    assert logs(tmp_path) == ["0_log.err", "0_log.out"]


@needs_submitit
def test_a_job_that_cannot_import_its_task_says_why(local, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with local(1) as executor:
        (ended,) = run_all(executor, [(tasks.times, 2, 3)]).values()
    assert "its job " in ended.death
    assert "ends with: ModuleNotFoundError: No module named 'executor_helpers'" in ended.death


@needs_submitit
def test_a_job_that_is_stopped_comes_again_and_goes_on(local, tmp_path):
    with local(1) as executor:
        executor.start(0, tasks.finish_when_called_again, str(tmp_path / "calls"))
        executor.wait(0.01)
        tasks.wait_until(lambda: (tmp_path / "calls").exists(), 60, "the first call")
        os.kill(int((tmp_path / "calls").read_text()), signal.SIGUSR2)  # as Slurm's warning before it takes a job away
        (ended,) = executor.wait(60)
    assert ended.value == "called again"


@needs_submitit
def test_leaving_by_an_error_cancels_jobs(local, tmp_path):
    def interrupted():
        with local(2) as executor:
            for key in range(2):
                executor.start(key, tasks.work_for_ever, str(tmp_path / "at_work"))
            executor.wait(0.01)
            tasks.wait_until(lambda: len(list((tmp_path / "at_work").iterdir())) == 2, 60, "two jobs at work")
            raise KeyboardInterrupt

    (tmp_path / "at_work").mkdir()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests ignore it, jobs would too
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        signal.signal(signal.SIGINT, handler)
    workers = [int(path.name) for path in (tmp_path / "at_work").iterdir()]
    tasks.wait_until(lambda: not any(map(tasks.is_alive, workers)), 10, "no job is left")


@needs_submitit
def test_what_starts_together_is_one_array_with_the_options_asked_for(slurm):
    options = {"partition": "gpu", "time": 90, "gpus": 1, "cpus": 2, "mem": 4, "slurm_account": "mine"}
    with slurm(3, **options) as executor:
        assert executor.workers == 3
        ended = run_all(executor, [(tasks.times, 2, 3), (tasks.environment, "OMP_NUM_THREADS"), (tasks.die,)])
        executor.start(3, tasks.times, 3, 3)
        (last,) = executor.wait(60)
    assert (ended[0].value, ended[1].value, last.value) == (6, "1", 9)
    assert "its job 1_2 ended without an answer (state FAILED)" in ended[2].death
    first, second = fake_slurm.submitted(slurm.folder)
    for flag in (
        "array=0-2%3",
        "partition=gpu",
        "time=90",
        "gpus-per-node=1",
        "cpus-per-task=2",
        "mem=4GB",
        "account=mine",
        "job-name=hashbench",
    ):
        assert f"#SBATCH --{flag}\n" in first
    assert "--array" not in second


@needs_submitit
@pytest.mark.parametrize(("device", "asked"), [("cuda", True), ("auto", False), ("cpu", False)])
def test_a_job_asks_for_a_gpu_where_the_command_does(slurm, device, asked):
    with slurm(1, device) as executor:
        run_all(executor, [(tasks.times, 2, 3)])
    assert ("--gpus-per-node=1" in fake_slurm.submitted(slurm.folder)[0]) == asked


@needs_submitit
def test_leaving_by_an_error_cancels_jobs_on_slurm(slurm, tmp_path):
    def interrupted():
        with slurm(2) as executor:
            for key in range(2):
                executor.start(key, tasks.work_for_ever, str(tmp_path))
            executor.wait(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert fake_slurm.cancelled(slurm.folder) == {"1_0", "1_1"}
    assert not list(tmp_path.glob("slurm-logs/*/*.pkl"))


@needs_submitit
def test_a_job_that_somebody_cancels_is_over(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr("hashbench.sweeps.executors.slurm._STATES_EVERY", 0.5)
    with slurm(1) as executor:
        executor.start(0, tasks.work_for_ever, str(tmp_path))
        assert executor.wait(0.3) == []
        subprocess.run(["scancel", "1"], check=True)
        (ended,) = executor.wait(30)
    assert ended.death.startswith("its job 1 ended without an answer (state CANCELLED)")


@needs_submitit
def test_what_sbatch_refuses_is_one_line(slurm):
    with slurm(1, partition="missing") as executor:
        executor.start(0, tasks.times, 2, 3)
        with pytest.raises(UserError, match="a job cannot be submitted: sbatch: error: invalid partition") as refused:
            executor.wait()
    assert "\n" not in str(refused.value)


@needs_submitit
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"cluster": "lokal"}, "cluster=lokal: Did you mean local"),
        ({"parttion": "gpu"}, "parttion: executor slurm has no such option. Did you mean partition"),
        ({"slurm_acount": "x"}, "slurm_acount: executor slurm has no such option. Did you mean slurm_account"),
        ({"time": "1:30:00"}, "time=1:30:00: expected a whole number, 1 or more"),
        ({"time": 0}, "time=0: expected a whole number"),
        ({"gpus": -1}, "gpus=-1: expected a whole number, 0 or more"),
        ({"cpus": True}, "cpus=True: expected a whole number"),
        ({"mem": "4GB"}, "mem=4GB: expected a number, 1 or more"),
        ({"device": "cuda:1"}, "--device cuda:1 with --executor slurm"),
    ],
)
def test_wrong_options_are_one_line(options, match):
    with pytest.raises(UserError, match=match) as refused:
        SlurmExecutor(**{"cluster": "local"} | options)
    assert "\n" not in str(refused.value)


def test_without_submitit_or_slurm_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    if importlib.util.find_spec("submitit"):
        with pytest.raises(UserError, match=r"no sbatch on this machine: .*cluster=local, or use --executor local"):
            SlurmExecutor()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r'pip install "hashbench\[slurm\]"'):
        SlurmExecutor()


WORDS = ["sweep", "--methods", "toy,toy_shallow,killed_stom", "--bits", "8", "--seeds", "0", "--epochs", "2"]
SLURM = ["--executor", "slurm", "--executor-option", "cluster=local"]


def start(plugin, folder, words, **options):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "hashbench", *words, "--plugin", str(plugin)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    restore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, cwd=folder, **pipes, **restore, **options)


@needs_submitit
@pytest.mark.slow
def test_a_sweep_gives_the_rows_of_local_processes(plugin, tmp_path):
    rows = {}
    for name, more in (("local", ["--jobs", "1"]), ("slurm", ["--jobs", "2", *SLURM])):
        sweep = start(plugin, tmp_path / name, [*WORDS, *more])
        out, err = sweep.communicate(timeout=300)
        assert (sweep.returncode, out.splitlines()[0]) == (0, "3 done, 0 finished before, 0 failed"), err
        paths = sorted((tmp_path / name / "runs").rglob("result.json"))
        rows[name] = {str(path.relative_to(tmp_path / name)): json.loads(path.read_text()) for path in paths}
    assert rows["slurm"].keys() == rows["local"].keys()
    for path, record in rows["local"].items():
        for field in ("fingerprint", "method", "hparams", "bits", "seed", "metrics", "selection"):
            assert rows["slurm"][path][field] == record[field], (path, field)
    assert not (tmp_path / "slurm" / "slurm-logs").exists()


@needs_submitit
def test_ctrl_c_cancels_the_jobs_and_the_next_call_completes(plugin, tmp_path):
    slow = tmp_path / "slow"
    slow.touch()
    words = ["sweep", "--methods", "toy", "--bits", "8", "--seeds", "0", "--epochs", "25", "--jobs", "1", *SLURM]
    sweep = start(plugin, tmp_path, words, env={**os.environ, "TOY_SLOW_WHILE": str(slow)})
    tasks.wait_until(lambda: list((tmp_path / "runs").rglob("toy/**/epoch_*.pth")), 180, "a checkpoint")
    os.killpg(sweep.pid, signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    last = err.strip().splitlines()[-1]
    assert last.startswith("error: interrupted: 0 runs finished in this call")
    sweep = start(plugin, tmp_path, words)
    out, err = sweep.communicate(timeout=300)
    assert (sweep.returncode, out.splitlines()[0]) == (0, "1 done, 0 finished before, 0 failed"), err
    assert find_runs(tmp_path / "runs").problems == []
    (log,) = (tmp_path / "runs").rglob("toy/**/log.txt")
    assert "resumed after epoch" in log.read_text()

"""The program as a person meets it: commands from an empty folder, one line for every mistake, exit codes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from refusal import assert_refused

from hashbench.results.environment import environment

RUN = ("run", "--method", "dualhash_likelihood", "--epochs", "1", "--bits", "8")


def test_list_names_everything_and_says_who_brings_it(cli):
    code, out, _ = cli("list")
    assert code == 0
    for word in ("dualhash_stom", "[dualhash]", "digits", "cifar10-dualhash", "alexnet", "cifar10-54k"):
        assert word in out
    code, out, _ = cli("list", "protocols", "--json")
    content = json.loads(out)
    assert {row["name"] for row in content["protocols"]} >= {"digits", "cifar10-dualhash", "cifar10-54k"}
    assert "methods" not in content


def test_list_check_imports_every_class(cli):
    code, out, _ = cli("list", "--check")
    assert code == 0
    assert "broken:" not in out


def test_show_tells_whether_there_is_anything_to_tune(cli):
    assert "search     none: it has no hyper-parameters" in cli("show", "random_codes")[1]
    assert "search     ridge=log=[0.0001, 1.0], scale=choice=" in cli("show", "ldahash")[1]


def test_show_tells_defaults_presets_and_published_numbers(cli):
    code, out, _ = cli("show", "dualhash_stom")
    assert code == 0
    for word in ("arXiv", "--preset release", "--preset paper", "deviation", "0.8215 at 16"):
        assert word in out


def test_run_leaderboard_and_evaluate_go_together(cli, tmp_path):
    code, out, err = cli(*RUN)
    assert code == 0
    assert "mAP, expected over ties" in out
    assert "epoch 1/1" in err
    (result,) = tmp_path.rglob("result.json")
    code, out, _ = cli("leaderboard", "runs", "--csv", "board.csv")
    assert code == 0
    header = (tmp_path / "board.csv").read_text().splitlines()[0]
    assert header.startswith("protocol,fingerprint,backbone,method,preset,optimizer,recipe,bits,seeds,map_mean,")
    code, out, _ = cli("evaluate", result.parent / "codes.npz", "--topk", "100", "--json")
    assert code == 0
    assert json.loads(out)["map"] == pytest.approx(json.loads(result.read_text())["metrics"]["map"], abs=1e-12)
    code, out, _ = cli(*RUN, "--resume", "--json")
    assert code == 0
    assert json.loads(out)["bits"] == 8


def test_help_has_a_whole_line_for_each_command(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = cli("--help")
    assert code == 0
    lines = out.partition("Commands:\n")[2].splitlines()
    assert len(lines) == 17
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_env_is_json_without_names_of_the_machine(cli):
    code, out, _ = cli("env", "--json")
    assert code == 0
    assert json.loads(out)["versions"]["torch"] == torch.__version__.partition("+")[0] or "torch" in out
    assert os.uname().nodename not in out


def test_env_says_where_the_cache_is_and_a_result_does_not(cli, tmp_path):
    code, out, _ = cli("env")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("cache ")]
    assert line.split(maxsplit=1)[1] == str(tmp_path / "cache")
    assert json.loads(cli("env", "--json")[1])["cache"] == str(tmp_path / "cache")
    assert "cache" not in environment()


def test_check_data_digits(cli):
    code, out, _ = cli("check-data", "digits")
    assert code == 0
    assert "1,000" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "--method", "dualhash_stm"), ["dualhash_stm", "Did you mean dualhash_stom"]),
        (("run",), ["--method"]),
        ((*RUN[:5], "--bits", "0"), ["--bits 0"]),
        ((*RUN[:5], "--bits", "3.5"), ["--bits"]),
        ((*RUN, "--preset", "relase"), ["relase", "release"]),
        ((*RUN, "--device", "cuda:99"), ["--device cuda:99"]),
        ((*RUN, "--device", "gpu"), ["--device gpu", "use auto, cpu, cuda or cuda:NUMBER"]),
        ((*RUN, "--device", "cpu:3"), ["--device cpu:3", "use auto, cpu, cuda or cuda:NUMBER"]),
        ((*RUN, "--precision", "fp8"), ["precision"]),
        ((*RUN, "--set", "alhpa=3"), ["alhpa", "alpha"]),
        ((*RUN, "--set", "optimizer.momentun=3"), ["optimizer.momentun: Adam has no such option", "betas"]),
        ((*RUN, "--resume"), ["no run to resume"]),
        ((*RUN, "--resume", "--overwrite"), ["--resume", "--overwrite"]),
        ((*RUN, "--protocol", "features"), ["--data-root"]),
        ((*RUN, "--config", "x.py"), ["--method", "--config", "give one of the two"]),
        (("run", "--config", "nothing.py"), ["nothing.py", "no such file"]),
        (("run", "--config", "x.py", "--epochs", "3"), ["--epochs and --config"]),
        (("run", "--config", "x.py", "--seed", "3"), ["--seed and --config"]),
        (("run", "--config", "x.py", "--set", "alpha=3"), ["--set and --config"]),
        (("show", "dualhash"), ["dualhash", "Did you mean"]),
        (("sweep", "--methods", "dsh", "--seeds", "0-100000000"), ["--seeds", "more than 10,000 numbers"]),
        (("sweep", "--methods", "dsh", "--seeds", "2-0"), ["--seeds '2-0'", "such as 16,32 or 0-4"]),
        (("list", "method"), ["'method' is not one of 'methods'"]),
        (("lst",), ["list"]),
        (("list", "--frobnicate"), ["--frobnicate"]),
        (("leaderboard", "nowhere"), ["nowhere"]),
        (("check-data", "digitz"), ["digits"]),
        (("evaluate", "nothing.npz"), ["nothing.npz"]),
    ],
)
def test_wrong_requests_get_one_line_and_exit_2(cli, words, expected):
    assert_refused(cli(*words), *expected)


def test_misspelt_names_are_answered_without_importing_torch():
    commands = [["check", "dhs"], ["run", "--method", "dhs"], ["sweep", "--methods", "dhs"], ["tune", "dhs"]]
    program = (
        "import sys\nfrom hashbench.cli import main\ncodes = []\n"
        f"for words in {commands}:\n"
        "    try:\n        main(words)\n    except SystemExit as end:\n        codes.append(end.code)\n"
        "print(codes, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split("\n")[-2] == "[2, 2, 2, 2] False", done.stderr


def test_unknown_key_in_hashbench_yaml(cli, tmp_path):
    (tmp_path / "hashbench.yaml").write_text("methods:\n  mine:\n    class: a:B\n    kind: shallow\n    hparam: {}\n")
    assert_refused(cli("list"), "hashbench.yaml:5", "unknown key", "did you mean hparams")


def test_data_root_without_data(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert_refused(cli(*RUN, "--protocol", "cifar10-dualhash-scratch", "--data-root", tmp_path / "file"), "file")


def test_weights_of_another_architecture(cli, tmp_path):
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1().state_dict(), tmp_path / "squeeze.pth")
    assert_refused(cli(*RUN, "--weights", tmp_path / "squeeze.pth"), "squeeze.pth")
    assert_refused(cli(*RUN, "--weights", tmp_path / "gone.pth"), "gone.pth")


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"features": np.zeros((10, 3)), "labels": np.zeros(9, int)}, ["10", "9"]),
        ({"features": np.full((10, 3), np.nan), "labels": np.zeros(10, int)}, ["NaN"]),
        ({"stuff": np.zeros((10, 3))}, ["stuff"]),
    ],
)
def test_features_that_do_not_fit(cli, tmp_path, arrays, expected):
    np.savez(tmp_path / "f.npz", **arrays)
    assert_refused(cli(*RUN, "--protocol", "features", "--data-root", tmp_path / "f.npz"), *expected)


def test_split_that_overlaps(cli, tmp_path):
    np.savez(tmp_path / "split.npz", train=np.arange(1000), validation=np.arange(900, 1100), test=np.arange(1200, 1300))
    (tmp_path / "hashbench.yaml").write_text(
        "protocols:\n  mine:\n    version: 1\n    dataset: digits\n    backbone: small_conv\n    epochs: 1\n    batch_size: 64\n"
        f"    split: {{manifest: '{tmp_path / 'split.npz'}', sha256: '0'}}\n"
    )
    assert_refused(cli(*RUN, "--protocol", "mine"), "train and validation share 100 rows")


def test_output_folder_that_cannot_be_written(cli, tmp_path):
    (tmp_path / "taken").write_text("")
    assert_refused(cli(*RUN, "--out", tmp_path / "taken"), "taken")


def test_resume_with_other_hyper_parameters(cli):
    assert cli(*RUN)[0] == 0
    assert_refused(cli(*RUN, "--resume", "--set", "alpha=0.7"), "alpha", "0.7")


def test_config_that_is_no_config(cli, tmp_path):
    refused = {
        "run = {}\n": "say what is trained: run = dict(method=NAME, ...)",
        "run = dict(weights=None, settings={})\n": "say what is trained: run = dict(method=NAME, ...)",
        "1/0\n": "it cannot be read (ZeroDivisionError: division by zero)",
        "nothing = 1\n": "no key nothing",
        "def (\n": "it cannot be read (SyntaxError",
    }
    for text, words in refused.items():
        (tmp_path / "config.py").write_text(text)
        assert_refused(cli("run", "--config", "config.py"), f"--config config.py: {words}")


def test_a_refused_request_leaves_no_unfinished_run_behind(cli, tmp_path):
    assert_refused(cli(*RUN, "--set", "optimizer.lr=0"), "optimizer.lr must be a positive number")
    assert_refused(cli(*RUN, "--set", "optimizer.lr=0"), "optimizer.lr must be a positive number")
    assert_refused(cli("leaderboard", "runs"), "no finished run")
    assert cli(*RUN)[0] == 0
    (result,) = (tmp_path / "runs").rglob("result.json")
    before = result.read_bytes()
    assert_refused(cli(*RUN), "finished")
    assert result.read_bytes() == before


def test_what_is_to_be_tried_next_is_the_same_run_with_another_seed(cli, tmp_path):
    words = ("--set", "alpha=0.5", "--set", "protocol.topk=[7]", "--batch-size", "50")
    code, out, _ = cli(*RUN, *words)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("next")]
    command = shlex.split(line.removeprefix("next"))
    named = ["--method", "dualhash_likelihood", "--protocol", "digits", "--bits", "8", "--seed", "1"]
    assert command[: len(named) + 2] == ["hashbench", "run", *named]
    assert cli(*command[1:])[0] == 0
    first, second = (json.loads(path.read_text()) for path in sorted(tmp_path.rglob("result.json")))
    assert [first.pop("seed"), second.pop("seed")] == [0, 1]
    for name in ("fingerprint", "method", "preset", "hparams", "bits"):
        assert first[name] == second[name]


def test_two_code_lengths_contradict_each_other(cli, tmp_path):
    packed = {f"{role}_codes": np.ones((3, 2), np.uint8) for role in ("query", "database")}
    labels = {f"{role}_labels": np.zeros(3, int) for role in ("query", "database")}
    np.savez(tmp_path / "codes.npz", **packed, **labels, bits=12)
    assert_refused(cli("evaluate", "codes.npz", "--bits", "13"), "--bits 13", "12 bits")
    assert cli("evaluate", "codes.npz", "--bits", "12")[0] == 0


def test_truncated_codes_and_missing_arrays(cli, tmp_path):
    np.savez(tmp_path / "codes.npz", query_codes=np.zeros((2, 4)))
    assert_refused(cli("evaluate", tmp_path / "codes.npz"), "query_codes", "database_codes")


def test_a_method_of_the_working_folder_runs(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "hashbench.yaml").write_text(
        "methods:\n  mine:\n    class: mine_in_folder:Mine\n    kind: deep\n    optimizer: {type: SGD, lr: 0.05}\n"
    )
    (tmp_path / "mine_in_folder.py").write_text(
        "from hashbench.models import DeepMethod\n"
        "class Mine(DeepMethod):\n"
        "    def loss(self, batch):\n"
        "        return {'spread': (batch.codes.abs() - 1).square().mean()}\n"
    )
    code, out, _ = cli("run", "--method", "mine", "--epochs", "1", "--bits", "8")
    assert code == 0
    assert "mine (default)" in out


def test_module_and_script_are_the_same_program():
    script = Path(sys.executable).parent / "hashbench"
    for command in ([sys.executable, "-m", "hashbench"], [str(script)]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert (done.returncode, done.stdout.split()[0]) == (0, "hashbench")

"""Options written once are the options of every command, and go back to the words that they came from."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import typer

from hashbench.cli.run import run
from hashbench.cli.run_options import RunOptions, WorkerOptions, with_options
from hashbench.cli.sweep import sweep
from hashbench.cli.tune import tune


def test_every_command_that_trains_has_them_all():
    for command in (run, sweep, tune):
        names = list(inspect.signature(command).parameters)
        assert set(RunOptions.__dataclass_fields__) <= set(names)
        assert names.index("device") > names.index("bits"), "a command's own options come first"
    for command in (sweep, tune):
        assert set(WorkerOptions.__dataclass_fields__) <= set(inspect.signature(command).parameters)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--frozen", "--scratch", "--epochs", "3", "--compile", "--device", "cpu", "--weights", "w.pth"],
        ["--trained", "--pretrained", "--channels-last", "--image-size", "64", "--plugin", "a", "--plugin", "b"],
        [
            "--set",
            "protocol.topk=[5]",
            "--set",
            "dataset.kind=x",
            "--patience",
            "2",
            "--data-root",
            "d",
            "--no-channels-last",
        ],
    ],
)
def test_words_come_back(words):
    seen = []

    @with_options
    def command(*, options: RunOptions) -> None:
        seen.append(options)

    app = typer.Typer()
    app.command()(command)
    app(words, standalone_mode=False)
    app(seen[0].as_words(), standalone_mode=False)
    assert seen[1] == seen[0]
    assert sorted(seen[0].as_words()) == sorted(words)


def test_hyper_parameters_are_left_out_of_the_words():
    options = RunOptions(sets=["alpha=1", "optimizer.lr=0.1", "backbone.p=2"], weights=Path("w"))
    assert options.as_words() == ["--set", "backbone.p=2", "--weights", "w"]

"""What hashbench uses of mmengine without a promise. A failure names what a new mmengine has changed."""

from __future__ import annotations

import inspect

import pytest
from mmengine.optim.scheduler import param_scheduler
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.visualization import Visualizer

from hashbench.engine import mmengine_internals

ATTRIBUTES = {
    EpochBasedTrainLoop: ("self._epoch", "self._iter", "self._max_epochs"),
    Runner: ("self._experiment_name", "self._log_dir", "self._resume", "self._log_env(", "self.dump_config()"),
    Visualizer: ("self._vis_backends", "self._dataset_meta"),
    param_scheduler._ParamScheduler: ("self._get_value()",),
}


@pytest.mark.parametrize("owner", ATTRIBUTES, ids=lambda owner: owner.__name__)
def test_private_names_are_those_of_this_mmengine(owner):
    source = inspect.getsource(owner)
    missing = [name for name in ATTRIBUTES[owner] if name not in source]
    assert not missing, (
        f"mmengine has changed {owner.__name__}: {', '.join(missing)}; see hashbench/engine/mmengine_internals.py"
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(mmengine_internals.QuietRunner._log_env, Runner._log_env), (mmengine_internals.QuietRunner.build_logger, Runner.build_logger)],
)  # fmt: skip
def test_what_is_overridden_is_called_as_before(ours, theirs):
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_counters_that_are_set_are_read_back():
    class Data:
        dataset = range(3)

        def __len__(self):
            return 3

    runner = type("Runner", (), {"visualizer": mmengine_internals.DrawNothing("counters")})()
    loop = mmengine_internals.EpochLoop(runner, Data(), max_epochs=5)
    loop.set_progress(2, 6)
    assert (loop.epoch, loop.iter, loop.max_epochs, loop.max_iters) == (2, 6, 5, 15)


def test_a_visualizer_without_back_ends_takes_everything():
    nothing = mmengine_internals.DrawNothing("nothing")
    nothing.dataset_meta = {"name": "digits"}
    nothing.add_scalars({"loss": 1.0}, step=1)
    mmengine_internals.flush(nothing)
    nothing.close()
    assert nothing.dataset_meta == {"name": "digits"}

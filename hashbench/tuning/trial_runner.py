"""The runner of a trial: it trains a stretch of a run, is validated on the way, and goes on later where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.experiment import prepare
from hashbench.engine.reporter import Reporter
from hashbench.engine.runner import HashRunner
from hashbench.results.folder import RunFolder


class TrialRunner(HashRunner):
    """Trains and validates; the test queries stay sealed.

    Args:
        spec: the run of the trial.
        folder: of its checkpoints; a trial that finds one goes on from it.
        rungs: epochs after which it is validated whatever the protocol's interval; it stops after the last. None: a
            method that is fitted, or one that is trained to the end in one go.

    Raises:
        UserError: as `prepare` and `HashRunner`.
    """

    def __init__(self, spec: RunSpec, folder: Path, rungs: Sequence[int] = ()) -> None:
        experiment = prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
        place = RunFolder(folder)
        if rungs:  # a study that was put back to an earlier state takes its trials with it
            store = CheckpointStore(place.checkpoints_path)
            for epoch in store.epochs():
                if epoch > rungs[-1]:
                    store.forget(epoch)
        options = {"pause_after": rungs[-1], "validate_after": tuple(rungs)} if rungs else {}
        super().__init__(experiment, place, resume=True, loop_options=options)

    def save_best(self) -> None:
        """Nothing: a trial is never tested, so nobody asks for the weights of its best epoch."""

    def keep_newest(self) -> None:
        """Drop the checkpoint before the newest: many trials wait for each other on a rung."""
        for epoch in self.store.epochs()[1:]:
            self.store.forget(epoch)

    @property
    def curve(self) -> dict[int, float]:
        """Epoch -> primary metric of each validation so far."""
        name = f"val_{self.experiment.spec.settings.primary}"
        return {record["epoch"]: float(record[name]) for record in self.state.history if name in record}

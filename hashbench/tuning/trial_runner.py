"""The runner of a trial: it trains and validates, and after a kill goes on from its checkpoint."""

from __future__ import annotations

from pathlib import Path

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.experiment import prepare
from hashbench.engine.reporter import Reporter
from hashbench.engine.runner import HashRunner
from hashbench.results.folder import RunFolder


class TrialRunner(HashRunner):
    """Trains and validates; the test queries stay sealed.

    Args:
        spec: the run.
        folder: of its checkpoints; a run that finds one goes on from it.

    Raises:
        UserError: as `prepare` and `HashRunner`.
    """

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        experiment = prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
        super().__init__(experiment, RunFolder(folder), resume=True)

    def save_best(self) -> None:
        """Nothing: a trial is never tested, so nobody asks for the weights of its best epoch."""

    @property
    def curve(self) -> dict[int, float]:
        """Epoch -> primary metric of each validation so far."""
        name = f"val_{self.experiment.spec.settings.primary}"
        return {record["epoch"]: float(record[name]) for record in self.state.history if name in record}

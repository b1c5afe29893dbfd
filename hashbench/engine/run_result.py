"""What a run leaves when it is over: its record, its codes, its values for each query."""

from __future__ import annotations

import resource
import sys
from typing import Any

import torch

from hashbench.catalog.request import RunSpec
from hashbench.engine.doubts import doubts
from hashbench.engine.experiment import Experiment
from hashbench.engine.reporter import logger
from hashbench.engine.retrieval_loops import RetrievalTestLoop
from hashbench.engine.runner import HashRunner
from hashbench.results.codes import RunCodes
from hashbench.results.curves import kept_curves
from hashbench.results.environment import environment
from hashbench.results.folder import RunFolder
from hashbench.results.record import SCHEMA, ResultRecord


def record_of(
    experiment: Experiment, runner: HashRunner, test: RetrievalTestLoop, *, test_seconds: float, total: float
) -> ResultRecord:
    """The record of a run that was tested.

    Args:
        test_seconds, total: seconds that the test took, and the run in all.
    """
    spec, state = experiment.spec, runner.state
    evaluation = test.evaluator.last
    timing = {
        "seconds_per_epoch": state.train_seconds / max(1, len(state.history)),
        "train_seconds": state.train_seconds,
        "validation_seconds": state.val_seconds,
        "test_seconds": test_seconds,
        "total_seconds": total,
    }
    return ResultRecord.model_validate(
        {
            "schema": SCHEMA,
            "fingerprint": experiment.fingerprint,
            "protocol": spec.protocol,
            "protocol_description": experiment.description,
            "method": spec.method,
            "preset": spec.preset,
            "hparams": {**spec.hparams, "optimizer": spec.optimizer, "schedule": spec.schedule, **_hooks(spec)},
            "bits": spec.bits,
            "seed": spec.seed,
            "metrics": test.metrics,
            "history": state.history,
            "curves": kept_curves(evaluation),
            "timing": timing,
            "environment": {**environment(), "device": experiment.device},
            "peak_memory_mb": _peak_memory_mb(experiment.device),
            "backbone": experiment.backbone_name,
            "selection": {
                "metric": spec.settings.primary,
                "epoch": state.best_epoch,
                "value": state.best_value,
                "evaluation": evaluation.info,
            },
            "dataset": spec.settings.dataset,
            "recipe": spec.recipe,
            "trials": spec.trials,
            "warnings": [*experiment.warnings, *_doubts(experiment, runner, test)],
        }
    )


def _doubts(experiment: Experiment, runner: HashRunner, test: RetrievalTestLoop) -> list[str]:
    """What training and codes show; it goes to the log here and is shown with the result."""
    found = doubts(
        runner.state,
        test.query,
        test.database,
        bits=experiment.spec.bits,
        mean_ap=test.metrics["map"],
        chance=experiment.chance,
    )
    for warning in found:
        logger.warning(warning)
    return found


def _hooks(spec: RunSpec) -> dict[str, Any]:
    """Hooks that may change training count with the hyper-parameters, where there are any."""
    return {"custom_hooks": list(spec.custom_hooks)} if spec.custom_hooks else {}


def write_files(folder: RunFolder, experiment: Experiment, test: RetrievalTestLoop, record: ResultRecord) -> None:
    """Write codes and values per query, and last the record: the run is then finished."""
    if test.query.codes is not None and test.database.codes is not None:
        codes = RunCodes(
            query_codes=test.query.codes,
            database_codes=test.database.codes,
            query_labels=test.query.labels,
            database_labels=test.database.labels,
            query_index=experiment.roles.test,
            database_index=experiment.roles.database,
            bits=experiment.spec.bits,
            query_outputs=test.query.outputs,
        )
        folder.write_codes(codes)
    folder.write_per_query(test.evaluator.last.per_query)
    folder.write_result(record)


def _peak_memory_mb(device: str) -> float:
    """MiB at most held: on the GPU if there is one in use, else by this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10

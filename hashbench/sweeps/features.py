"""Features of a frozen backbone that many runs share: computed before them, not by one while the others wait for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.sweeps.executors import Executor


def compute_shared_features(specs: Sequence[RunSpec], executor: Executor, tell: Callable[[str], None]) -> None:
    """Fill the cache with what two or more of the runs read; not needed where runs are done one after the other."""
    if executor.workers == 1:
        return
    for spec in sharing_features(specs):
        tell(f"features of the frozen {spec.settings.backbone} for {spec.protocol}: computed or read once")
        executor.start(0, compute_features, spec, executor.threads)
        executor.wait()


def sharing_features(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """One run of each group of two or more that read the same features of a frozen backbone."""
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        settings = spec.settings
        if not settings.frozen:
            continue
        shared = settings.model_dump(
            include={"dataset", "dataset_hparams", "split", "backbone", "backbone_hparams", "image_size", "precision"}
        )
        drawn = None if settings.pretrained or spec.weights else spec.seed  # weights from the run's own seed
        key = json.dumps([shared, str(spec.weights), str(spec.data_root), spec.device, drawn], sort_keys=True)
        groups.setdefault(key, []).append(spec)
    return [group[0] for group in groups.values() if len(group) > 1]


def compute_features(spec: RunSpec, threads: int | None) -> None:
    """Fill the cache of frozen features for all runs like this one, with the cores that stand idle until then.

    Args:
        threads: to compute with; None: as many as this process has.
    """
    import torch

    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    except Exception as error:
        # Each of the runs meets the same error and reports it; this was only to save them time.
        logging.getLogger("hashbench.sweep").info("features not computed ahead: %s", error)
    finally:
        torch.set_num_threads(before)

"""Two runs at once on one device, by the sweep's local executor, against one: images a second of training."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from typing import Any

import torch

from gpu_sections.section import Section, Setting
from hashbench.api import sweep


def sharing(setting: Setting, section: Section) -> None:
    """One run, then two, whose epochs are timed by themselves: the start of the processes does not count."""
    epochs = 2 if setting.tiny else 4
    rates = {}
    for jobs in (1, 2):
        if jobs == 2 and section.left < 2 * section.values["runs"][0]["seconds"] and not setting.tiny:
            section.note("two runs at once were not done: no time left")
            return
        out = setting.out / f"sharing{jobs}"
        shutil.rmtree(out, ignore_errors=True)  # of a check that was broken off: a finished run would only be read
        started = time.perf_counter()
        runs = sweep(
            "csq",
            protocols=setting.protocol,
            bits=16,
            seeds=range(jobs),
            out=out,
            jobs=jobs,
            executor="local",
            executor_options=_one_gpu(setting),
            progress=False,
            **{**_options(setting), "epochs": epochs, "validate_every": epochs},
        )
        # The first epoch warms up. What remains overlaps but for the moments between two starts.
        seconds = [statistics.median(epoch["seconds"] for epoch in run.record.history[1:]) for run in runs]
        rates[jobs] = sum(setting.images / one for one in seconds)
        section.row(
            "runs",
            at_once=jobs,
            epochs=epochs,
            seconds=time.perf_counter() - started,
            seconds_per_epoch=statistics.mean(seconds),
            images_per_second=rates[jobs],
            peak_memory_mb=sum(run.record.peak_memory_mb for run in runs),
        )
    section.put(throughput_of_two_to_one=rates[2] / rates[1])


def _options(setting: Setting) -> dict[str, Any]:
    device = "cuda" if setting.on_gpu else setting.device
    return {"precision": "bf16", "channels_last": True, **setting.options, "device": device}


def _one_gpu(setting: Setting) -> dict[str, list[str]]:
    """The processes see the one GPU alone, by the name that it has for them."""
    if not setting.on_gpu:
        return {}
    number = torch.device(setting.device).index or 0
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    return {"gpus": [visible[number] if visible else str(number)]}

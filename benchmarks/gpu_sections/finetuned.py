"""The fine-tuned protocol from end to end for the first methods, each by `hashbench.run`: trained, selected, tested."""

from __future__ import annotations

from typing import Any

from gpu_sections.section import Section, Setting
from hashbench.api import request, run

METHODS = ("csq", "class_codes", "dualhash_likelihood", "dualhash_stom", "hashnet", "dhn", "orthohash")


def finetuned(setting: Setting, section: Section) -> None:
    """One epoch of the first method tells what a run costs; then all, with as many epochs as the time allows."""
    methods = METHODS[:2] if setting.tiny else METHODS
    _, spec = request(methods[0], protocol=setting.protocol, **_options(setting))
    whole = spec.settings.epochs
    section.put(protocol=setting.protocol, options=_said(setting), epochs_of_the_protocol=whole)
    if setting.tiny:
        epochs = 1
    else:
        before = section.left
        timing = run(methods[0], **_asked(setting, epochs=1, out="pilot")).record.timing
        epoch = timing["train_seconds"] + timing["validation_seconds"]
        fixed = before - section.left - epoch  # of which the first run has more than the others
        epochs = max(1, min(whole, int((section.left / len(methods) - fixed) / epoch)))
        section.put(pilot_epoch_seconds=epoch, seconds_around_it=fixed)
    section.put(epochs=epochs)
    if epochs < whole and not setting.tiny:
        section.note(f"{epochs} of {whole} epochs, since no more fit the time: mAP is below the protocol's")
    for place, method in enumerate(methods):
        if place and section.left < section.values["methods"][-1]["seconds"] and not setting.tiny:
            section.note(f"{', '.join(methods[place:])}: not run, no time left")
            break
        try:
            _do(setting, section, method, epochs)
        except Exception as error:  # a method that fails does not lose the others
            section.note(f"{method} failed: {type(error).__name__}: {str(error)[:300]}")
            section.values["faults"] = section.values.get("faults", 0) + 1
    if section.values.get("faults"):
        raise RuntimeError("some methods failed: see the notes")


def _do(setting: Setting, section: Section, method: str, epochs: int) -> None:
    record = run(method, **_asked(setting, epochs=epochs, out="runs")).record
    timing = record.timing
    section.row(
        "methods",
        method=method,
        epochs=len(record.history),
        validation_map=record.selection["value"],
        selected_epoch=record.selection["epoch"],
        test_map=record.metrics["map"],
        test_map_worst=record.metrics["map_worst"],
        test_map_best=record.metrics["map_best"],
        seconds=timing["total_seconds"],
        train_seconds=timing["train_seconds"],
        peak_memory_mb=record.peak_memory_mb,
        fingerprint=record.fingerprint,
    )


def _options(setting: Setting) -> dict[str, Any]:
    """The protocol's, computed as fast as it goes here."""
    return {"precision": "bf16", "channels_last": True, **setting.options}


def _said(setting: Setting) -> dict[str, str]:
    return {
        name: str(value) for name, value in _options(setting).items() if name not in ("data_root", "weights", "epochs")
    }


def _asked(setting: Setting, *, epochs: int, out: str) -> dict[str, Any]:
    return {
        "protocol": setting.protocol,
        "bits": 16,
        "seed": 0,
        "device": setting.device,
        "out": setting.out / out,
        "progress": False,
        **_options(setting),
        "epochs": epochs,
    }

"""Everything that only a GPU can tell, in one run of some minutes: docs/gpu.md.

    python benchmarks/gpu_check.py [--minutes 8] [--data-root cifar10-dualhash.npz] [--out gpu_check]
    python benchmarks/gpu_check.py --pack FOLDER --data-root DIR     (before, where the data are)
    python benchmarks/gpu_check.py --device cpu --tiny               (to try the script: seconds)

It needs no network. OUT/gpu_check.json is written anew after every figure, so what was measured is kept whenever the
machine goes away; `--resume` does what is missing. Each section has its share of the time that is left; one that fails,
or takes too long, does not lose the others. The tables are printed at the end.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from gpu_sections.counting import counting
from gpu_sections.finetuned import finetuned
from gpu_sections.pack import pack
from gpu_sections.pipeline import pipeline
from gpu_sections.section import Section, Setting
from gpu_sections.sharing import sharing
from gpu_sections.step import step
from gpu_sections.subject import subject
from gpu_sections.surroundings import surroundings
from gpu_sections.table import as_table
from gpu_sections.timing import most_memory, peak_memory

from hashbench.engine.experiment import be_deterministic, choose_device
from hashbench.errors import RunFailedError, UserError, did_you_mean
from hashbench.paths import is_file
from hashbench.results.atomic import write_text
from hashbench.text_file import read_text

FILE = "gpu_check.json"
LEAST = 3.0
"""Seconds under which a section is not begun."""


class Share(NamedTuple):
    """A section and its share of the time."""

    work: Callable[[Setting, Section], None]
    share: float


SECTIONS = {
    "environment": Share(surroundings, 1),
    "counting": Share(counting, 12),
    "step": Share(step, 25),
    "pipeline": Share(pipeline, 7),
    "finetuned": Share(finetuned, 42),
    "sharing": Share(sharing, 13),
}
"""In their order."""


class OutOfTime(BaseException):
    """A section took far longer than its share. Not an Exception: what catches everything must let it through."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print, and say by the exit code how it went: 1 where a section failed, 2 where the request was wrong."""
    options = _parsed(arguments)
    try:
        if options.pack is not None:
            for file in pack(options.pack, data_root=options.data_root, weights=options.weights):
                print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
            return 0
        results = check(options)
    except (UserError, RunFailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    print(as_table(results))
    return int(any(section["state"] == "failed" for section in results["sections"].values()))


def check(options: argparse.Namespace) -> dict[str, Any]:
    """All sections that are asked for, into the file.

    Raises:
        UserError: a section or a device that there is not, no data, a file that is there already, or of another check.
    """
    end = time.monotonic() + 60 * options.minutes
    names = _names(options.only)
    path: Path = options.out / FILE
    if is_file(path) and not options.resume:
        raise UserError(f"{path} is there already: --resume keeps its finished sections; or give another --out")
    device = choose_device(options.device)
    be_deterministic(compiled=True)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {options.out}: {error.strerror or error}; name a folder that can be written to"
        ) from error
    setting, notes = subject(
        device, options.out, tiny=options.tiny, data_root=options.data_root, weights=options.weights
    )
    on = torch.cuda.get_device_name(device) if setting.on_gpu else "CPU"
    header = {
        "device": f"{device}, {on}",
        "torch": torch.__version__,
        "protocol": setting.protocol,
        "tiny": options.tiny,
    }
    results: dict[str, Any] = {**header, "minutes": options.minutes, "notes": notes, "sections": {}}
    if options.resume and is_file(path):
        results["sections"] = _kept(path, header)

    def save() -> None:
        write_text(path, json.dumps(results, indent=1) + "\n")

    wanted = [name for name in names if results["sections"].get(name, {}).get("state") != "done"]
    for place, name in enumerate(wanted):
        values = results["sections"][name] = {"state": "running", "notes": []}
        left = end - time.monotonic()
        if left < LEAST:
            values.update(state="skipped", notes=["no time left"])
            save()
            continue
        share = SECTIONS[name].share / sum(SECTIONS[other].share for other in wanted[place:])
        section = Section(values, time.monotonic() + share * left, save)
        print(f"{name}: {share * left:.0f} s of {left:.0f} s left", file=sys.stderr, flush=True)
        _do(setting, section, SECTIONS[name].work, stop_after=min(left, 1.5 * share * left))
        if values["state"] == "failed" and wanted[place + 1 :] and _broken(setting):
            _start_anew(options, wanted[place + 1 :], end)
    save()
    return results


def _do(setting: Setting, section: Section, work: Callable[[Setting, Section], None], stop_after: float) -> None:
    """One section: its figures, its end, its time and the most memory that it held on the GPU."""
    section.save()
    if setting.on_gpu:
        torch.cuda.reset_peak_memory_stats(setting.device)
    started, end = time.monotonic(), {"state": "done"}
    try:
        with _stopped_after(stop_after):
            work(setting, section)
    except OutOfTime:
        end = {"state": "failed", "failure": f"stopped after {stop_after:.0f} s; what it measured before is kept"}
    except Exception as error:
        end = {"state": "failed", "failure": f"{type(error).__name__}: {str(error)[:600]}"}
    section.put(**end, seconds=time.monotonic() - started)
    section.put(**most_memory(section.values, peak_memory(setting.device)))
    gc.collect()
    if setting.on_gpu and not _broken(setting):
        torch.cuda.empty_cache()


@contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` in the body, between two steps of Python, when it takes longer."""

    def stop(number: int, frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _broken(setting: Setting) -> bool:
    """Whether CUDA refuses all further work of this process, as it does after an illegal access."""
    if not setting.on_gpu:
        return False
    try:
        torch.zeros(1, device=setting.device).add_(1).item()
    except Exception:
        return True
    return False


def _start_anew(options: argparse.Namespace, names: Sequence[str], end: float) -> None:
    """Go on with the remaining sections in a new process in the place of this one."""
    minutes = max(0.0, end - time.monotonic()) / 60
    words = ["--device", options.device, "--out", str(options.out), "--minutes", str(minutes), "--resume"]
    words += ["--only", ",".join(names), *(["--tiny"] if options.tiny else [])]
    for name, value in (("--data-root", options.data_root), ("--weights", options.weights)):
        words += [name, str(value)] if value is not None else []
    os.execv(sys.executable, [sys.executable, str(Path(__file__).resolve()), *words])


def _names(only: str | None) -> list[str]:
    names = list(SECTIONS) if only is None else [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if name not in SECTIONS:
            raise UserError(f"--only {name}: there is no such section. {did_you_mean(name, SECTIONS)}")
    return names


def _kept(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a file from before, if it is of this check on this device."""
    try:
        before = json.loads(read_text(path, label=str(path), advice="give another --out"))
        sections: dict[str, Any] = before["sections"]
        facts = {name: before[name] for name in header}
    except (ValueError, LookupError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"--resume: {path} is no file of this check; give another --out") from error
    for name, value in header.items():
        if facts[name] != value:
            raise UserError(f"--resume: {path} is of {name} {facts[name]}, this is {value}; give another --out")
    return sections


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=7.5, help="for all sections; the start comes to some seconds")
    parser.add_argument("--out", type=Path, default=Path("gpu_check"), help="folder of the results")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-root", type=Path, help="CIFAR-10: its folder, or the file that --pack writes")
    parser.add_argument("--weights", type=Path, help="a file of the backbone's weights, in place of the package's")
    parser.add_argument("--only", help=f"some sections, with commas: {', '.join(SECTIONS)}")
    parser.add_argument("--resume", action="store_true", help="keep the finished sections of a check before")
    parser.add_argument("--tiny", action="store_true", help="digits and a small network: seconds, to try the script")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="write what must be carried, and end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

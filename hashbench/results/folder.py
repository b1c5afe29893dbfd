"""The folder of one run: its files by name, its state, who may write in it.

`result.json` is written last, every file in one step, and what is deleted goes in an order of its own: at whatever
moment a process is killed, the folder says by itself what state it is in, and it is whole in that state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hashbench.atomic import delete_at_once, delete_leftovers, flush
from hashbench.errors import UserError
from hashbench.evaluation.notebook import metrics_html
from hashbench.npz import NpzReader, npz_bytes, open_npz
from hashbench.paths import exists, is_file
from hashbench.results import layout
from hashbench.results.atomic import write_bytes, write_errors_explained, write_text
from hashbench.results.claim import claimed, is_claimed
from hashbench.results.codes import QueryOutputs, RunCodes, read_codes, read_query_outputs
from hashbench.results.flat import differences
from hashbench.results.record import ResultRecord, load_record, read_json, to_json

if TYPE_CHECKING:
    import pandas as pd

State = Literal["absent", "unfinished", "finished"]
"""Of a run: see `hashbench.results`."""


class RunFolder:
    """The folder of one run, `<out>/<protocol>/<method>/<bits>bit/seed<k>/`, whether or not it is there yet.

    Nothing is created before `claim`. What is written is written within a claim. What is read is read once, when it is
    first asked for.

    Args:
        path: of the folder.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def at(cls, out: str | Path, protocol_dir: str, method_dir: str, bits: int, seed: int) -> RunFolder:
        """The folder at its place.

        Args:
            out: root of all runs.
            protocol_dir: see `hashbench.results.layout.protocol_dir_name`.
            method_dir: see `hashbench.results.layout.method_dir_name`.
            bits: code length K.
            seed: of the run.

        Raises:
            UserError: a name that is no plain folder name.
        """
        return cls(Path(out) / layout.place(protocol_dir, method_dir, bits, seed))

    @classmethod
    def all_begun(cls, out: Path, *, protocol: str, method: str, bits: int, seed: int) -> list[RunFolder]:
        """Every folder in which a run of these was begun, sorted: they differ in preset, in hyper-parameters and in
        what the command line changed of the protocol.
        """
        found = out.glob(f"{layout.place_pattern(protocol, method, bits, seed)}/{layout.SPEC}")
        return [cls(spec.parent) for spec in sorted(found) if layout.is_place_of(spec.parent, protocol, method)]

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    # --- what is where

    @property
    def out(self) -> Path:
        """Root of all runs, which this run lies four folders below."""
        return layout.root_of(self.path)

    @property
    def result_path(self) -> Path:
        """result.json: the record. There is one if and only if the run is finished."""
        return self.path / layout.RESULT

    @property
    def spec_path(self) -> Path:
        """spec.json: what identifies the run, and from what it can be begun again."""
        return self.path / layout.SPEC

    @property
    def codes_path(self) -> Path:
        """codes.npz; methods that rank by something else than codes have none."""
        return self.path / layout.CODES

    @property
    def per_query_path(self) -> Path:
        """per_query.npz."""
        return self.path / layout.PER_QUERY

    @property
    def config_path(self) -> Path:
        """config.py, which runs it again."""
        return self.path / layout.CONFIG

    @property
    def log_path(self) -> Path:
        """log.txt: what the run said, and how it crashed. It outlives `clear`."""
        return self.path / layout.LOG

    @property
    def checkpoints_path(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / layout.CHECKPOINTS

    @property
    def curves_path(self) -> Path:
        """Folder of the curves that a visualizer draws while the run trains, if it was given one."""
        return self.path / layout.CURVES

    @property
    def state(self) -> State:
        """`finished` with a result.json, `unfinished` with a spec.json alone, else `absent`."""
        if is_file(self.result_path):
            return "finished"
        return "unfinished" if is_file(self.spec_path) else "absent"

    @property
    def is_in_use(self) -> bool:
        """Whether a process holds the folder at this moment, see `claim`."""
        return is_claimed(self.path)

    # --- what a run is

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What `write_spec` wrote, as plain JSON values.

        Raises:
            UserError: the run is absent, or the file is missing or corrupt.
        """
        if not exists(self.spec_path):
            if self.state == "finished":
                raise UserError(f"{self.spec_path}: missing, though the run is finished: run it again.")
            raise UserError(f"{self.path}: there is no run to resume: start it without --resume.")
        return read_json(self.spec_path)

    @property
    def identity(self) -> dict[str, Any]:
        """`spec` without the fingerprint, which is known only after the data are read; errors as there."""
        return {name: value for name, value in self.spec.items() if name != "fingerprint"}

    def differs_from(self, spec: Mapping[str, Any]) -> str:
        """The first keys in which a specification differs from this run's, with both values; errors as of `spec`."""
        return differences(self.spec, json.loads(to_json(dict(spec))))

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Refuse to go on with a run that was started with another specification.

        Raises:
            UserError: names the first keys that differ, with both values.
        """
        if differing := self.differs_from(spec):
            raise UserError(f"cannot resume {self.path}: {differing}. Ask for the same, or start in another --out.")

    # --- what a finished run has

    @cached_property
    def record(self) -> ResultRecord:
        """The result; errors as of `load_record`."""
        return load_record(self.result_path)

    @property
    def metrics(self) -> dict[str, float]:
        """Of the test queries, as in the record; errors as there."""
        return self.record.metrics

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: losses, rates, validation metrics (`val_map`), diagnostics; errors as of `record`."""
        import pandas as pd

        return pd.DataFrame(self.record.history)

    @cached_property
    def codes(self) -> RunCodes:
        """The codes of the test queries and of the database; errors as of `read_codes`."""
        return self.read_codes()

    @cached_property
    def per_query(self) -> dict[str, np.ndarray]:
        """(Q,) values by metric (`ap`, `ap_worst`, ...), in the order of the queries.

        Raises:
            UserError: the file is missing or cannot be read.
        """
        with self.open_per_query() as file:
            return {name: file.read(name) for name in file.names}

    def read_codes(self) -> RunCodes:
        """`codes` without keeping them: for a caller that goes through many runs.

        Raises:
            UserError: codes.npz is missing, cannot be read, lacks an array, or has arrays that do not fit together.
        """
        if not exists(self.codes_path):
            raise UserError(
                f"{self.path}: this run has no {layout.CODES}: {self.record.method} makes no codes, or the file was "
                "removed; name another run."
            )
        return read_codes(self.codes_path)

    def read_query_outputs(self) -> QueryOutputs | None:
        """What was binarised, of the first test queries; None where the run keeps none, or has no codes.

        Raises:
            UserError: codes.npz cannot be read.
        """
        return read_query_outputs(self.codes_path) if exists(self.codes_path) else None

    def open_per_query(self) -> AbstractContextManager[NpzReader]:
        """per_query.npz, to read a few of its arrays; errors as of `per_query`."""
        return open_npz(self.per_query_path, missing="missing, though the run is finished", advice="run it again")

    def _repr_html_(self) -> str:
        if self.state != "finished":
            return f"<code>{escape(repr(self))}</code>"
        record = self.record
        title = f"{record.method} ({record.preset}) on {record.protocol}, {record.bits} bits, seed {record.seed}"
        chosen = f"selected epoch {record.selection.get('epoch')} of {len(record.history)}, on validation queries"
        return metrics_html(title, record.metrics, [chosen, f"folder {self.path}"])

    # --- writing

    @contextmanager
    def claim(self) -> Iterator[RunFolder]:
        """Create the folder and hold it for this process as long as the body runs; a killed process lets go by itself.

        Raises:
            FolderInUseError: another process holds it.
            UserError: the folder cannot be written to.
        """
        with claimed(self.path):
            with write_errors_explained(self.path):
                for folder in (self.path, self.checkpoints_path, self.curves_path):
                    delete_leftovers(folder)
            yield self

    def write_spec(self, spec: Mapping[str, Any]) -> None:
        """Begin the run: keep what identifies it, everything that it must share when it is resumed.

        Checkpoints that are here without a spec are of a run that was withdrawn. They are deleted: this one would take
        them for its own.
        """
        if self.state == "absent":
            with write_errors_explained(self.path):
                delete_at_once(self.checkpoints_path)
        write_text(self.spec_path, to_json(dict(spec)))
        self.__dict__.pop("spec", None)

    def write_config(self, text: str) -> None:
        """Keep the program that runs it again."""
        write_text(self.config_path, text)

    def write_codes(self, codes: RunCodes) -> None:
        """Keep the codes.

        Raises:
            ValueError: an array of Python objects.
        """
        write_bytes(self.codes_path, npz_bytes(codes.arrays()))
        self.__dict__.pop("codes", None)

    def write_per_query(self, values: Mapping[str, np.ndarray]) -> None:
        """Keep values per query: each (Q,) or (Q, ...) under its metric's name.

        Raises:
            ValueError: an array of Python objects.
        """
        write_bytes(self.per_query_path, npz_bytes(values))
        self.__dict__.pop("per_query", None)

    def write_result(self, result: ResultRecord | Mapping[str, Any]) -> None:
        """Write result.json: the last thing a run does; from here on it is finished.

        Raises:
            pydantic.ValidationError: a key that `ResultRecord` does not have, or one missing.
        """
        record = ResultRecord.model_validate(result)
        write_text(self.result_path, record.to_json())
        self.__dict__.pop("record", None)

    def clear(self) -> None:
        """Delete everything but the log and the files of the claim; the run is then absent.

        result.json goes first and spec.json last, and a folder in one step. So a process that is killed meanwhile
        leaves a run that is finished as it was, unfinished with whatever can be gone on from, or absent. Links are
        deleted, what they point to is not.

        Raises:
            UserError: something cannot be deleted.
        """
        with write_errors_explained(self.path):
            delete_at_once(self.result_path)
            flush(self.path)
            for entry in sorted(self.path.iterdir()):
                if not entry.name.startswith(".") and entry.name not in (layout.LOG, layout.SPEC):
                    delete_at_once(entry)
            delete_at_once(self.spec_path)
        for name in ("spec", "record", "codes", "per_query"):
            self.__dict__.pop(name, None)

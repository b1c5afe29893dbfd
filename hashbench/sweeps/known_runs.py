"""Which of the runs that are asked for were begun before: equal in what was asked for, and on the same content."""

from __future__ import annotations

import json
import logging

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.results.find import find_run
from hashbench.results.folder import RunFolder


class KnownRuns:
    """Finds runs that were begun.

    A request names files of data and weights, and files change. So a folder is taken for a run only where its
    fingerprint is the one that the run would have now. To know it, data and weights are read: once for all runs that
    share them, and only where an equal request was begun at all.
    """

    def __init__(self) -> None:
        self._fingerprints: dict[str, str | None] = {}

    def find(self, spec: RunSpec) -> RunFolder | None:
        """The folder in which exactly this run was begun; None if it never was, or if its data cannot be read now.

        Who then does the run is told what is wrong with the data.
        """
        identity = spec.identity()
        if find_run(spec.out, identity) is None:
            return None
        fingerprint = self._fingerprint(spec)
        return None if fingerprint is None else find_run(spec.out, identity, fingerprint)

    def finished(self, spec: RunSpec) -> RunFolder | None:
        """As `find`; None also where the run is not finished."""
        run = self.find(spec)
        return run if run is not None and run.state == "finished" else None

    def _fingerprint(self, spec: RunSpec) -> str | None:
        paths = [str(path) for path in (spec.data_root, spec.weights, *spec.plugins, *spec.imports)]
        key = json.dumps([spec.protocol, spec.settings.model_dump(mode="json"), paths], sort_keys=True)
        if key not in self._fingerprints:
            self._fingerprints[key] = _current_fingerprint(spec)
        return self._fingerprints[key]


def _current_fingerprint(spec: RunSpec) -> str | None:
    from hashbench.engine.experiment import current_fingerprint

    try:
        return current_fingerprint(spec, load_catalog(spec.plugins, imports=spec.imports))
    except Exception as error:  # a data set's code may fail in any way; the run meets the same error and reports it
        logging.getLogger("hashbench.sweep").info("%s: the fingerprint is not known: %s", spec.protocol, error)
        return None

"""`--tuned FILE`: runs with the best setting of a study, marked with the number of trials that it took to find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.cli.run_options import RunOptions
from hashbench.errors import UserError

if TYPE_CHECKING:
    from hashbench.catalog import Catalog
    from hashbench.catalog.request import RunSpec
    from hashbench.tuning.study import Study

Asked = tuple[str, str | None]
"""A method and the preset that was named with it."""


class TunedSettings:
    """The studies of a command, each for the methods that it fits.

    A study fits a method without a preset, or with the preset from which the search started.

    Args:
        files: of `hashbench tune`.
        asked: the methods of the command.

    Raises:
        UserError: a file that is no study or has no finished trial, a study of a method that was not asked for, or two
            for one method.
    """

    def __init__(self, files: Sequence[Path], asked: Sequence[Asked]) -> None:
        from hashbench.tuning.study import load_study

        self._studies: dict[Asked, tuple[Path, Study]] = {}
        for path in files:
            study = load_study(path)
            study.best()
            start = _preset(study.preset)
            fitting = [
                entry for entry in asked if entry[0] == study.method and (not entry[1] or _preset(entry[1]) == start)
            ]
            if not fitting:
                names = ", ".join(f"{method}@{preset}" if preset else method for method, preset in asked)
                of = f"{study.method}@{start}" if start else study.method
                raise UserError(f"--tuned {path}: a study of {of}, and this command runs {names}")
            for entry in fitting:
                if entry in self._studies:
                    raise UserError(f"--tuned {path} and {self._studies[entry][0]}: two studies of {study.method}")
                self._studies[entry] = path, study

    def resolve(
        self, options: RunOptions, catalog: Catalog, *, method: str, preset: str | None, **request: Any
    ) -> RunSpec:
        """As `RunOptions.resolve`, with the study's best setting where there is a study.

        Raises:
            UserError: `--set` of a hyper-parameter beside a study, or a study on other data or another split.
        """
        from hashbench.catalog.set_words import hyper_parameters

        if (method, preset) not in self._studies:
            return options.resolve(catalog, method=method, preset=preset, **request)
        path, study = self._studies[method, preset]
        sets = options.sets or []
        if own := hyper_parameters(sets):
            raise UserError(f"--set {own[0]}: the hyper-parameters come from --tuned {path}; give one of the two")
        spec = options.resolve(
            catalog,
            method=method,
            preset=study.preset,
            sets=[*sets, *study.best_sets()],
            trials=len(study.trials),
            tuned_on={name: checksum for name, checksum in study.content.items() if checksum},
            **request,
        )
        now, then = spec.settings.model_dump(), study.run["settings"]
        for name in ("dataset", "dataset_hparams", "split"):
            if now[name] != then.get(name):
                raise UserError(
                    f"--tuned {path}: its {name} is not that of {spec.protocol}, whose test queries it may have seen "
                    f"in validation: tune {method} under {spec.protocol}"
                )
        return spec


def _preset(name: str | None) -> str | None:
    return None if name in (None, "default") else name

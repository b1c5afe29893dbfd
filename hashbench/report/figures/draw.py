"""From finished runs to figure files and their index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hashbench.atomic import filled_folder
from hashbench.errors import UserError, did_you_mean, shown
from hashbench.foreign_text import markdown
from hashbench.report.figures.budgets import budget_sheets
from hashbench.report.figures.kinds import KINDS, STUDIES, TUNING
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.series import SeriesGroup, group_series, settings
from hashbench.report.figures.sheet import Page, Sheet
from hashbench.report.figures.studies import study_sheet
from hashbench.report.figures.style import house_style, styles
from hashbench.report.figures.write_sheets import drawn
from hashbench.results.atomic import write_errors_explained
from hashbench.results.folder import RunFolder
from hashbench.tuning.tuning_curves import tuning_curves

if TYPE_CHECKING:
    from hashbench.tuning.study import Study

FORMATS = ("png", "pdf")
INDEX = "index.md"


class Drawn(NamedTuple):
    """What `draw_figures` made.

    Attributes:
        files: all figure files, by kind, in the order in which they were drawn.
        skipped: kind -> what no run has for it.
        problems: one line for each run that had to be left out of some figures.
    """

    files: dict[str, list[Path]]
    skipped: dict[str, str]
    problems: list[str]


def check_names(kinds: Sequence[str] | None, formats: Sequence[str] | None) -> tuple[list[str] | None, list[str]]:
    """Kinds and formats as asked for, each once; None, all.

    Raises:
        UserError: one that is not known, or an empty list.
    """
    return (
        None if kinds is None else _known("kind of figure", kinds, list(KINDS)),
        list(FORMATS) if formats is None else _known("format", formats, FORMATS),
    )


def _known(what: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    for name in names:
        if name not in known:
            raise UserError(f"unknown {what} {shown(name)}. {did_you_mean(name, known)}")
    if not names:
        raise UserError(f"no {what} given. Known: {', '.join(known)}.")
    return list(dict.fromkeys(names))


def draw_figures(
    runs: Sequence[RunFolder],
    out: Path,
    *,
    studies: Sequence[tuple[Path, Study]] = (),
    kinds: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    first: Sequence[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> Drawn:
    """Draw figures into a folder, and an index of them (index.md), all of them or none.

    Args:
        runs: of `find_runs`.
        studies: of `hashbench tune`, with their files; they make figures of the kinds `sensitivity` and `tuning`.
        out: folder; made if it is not there. Files of the same names are replaced, once all are drawn: the index
            goes first and comes last, so that a folder which has one has the figures that it names.
        kinds: of `KINDS`; None: all for which there are runs, without runs those of studies.
        formats: of `FORMATS`; None: all.
        first: methods to show first, in this order; the others follow, the best first.
        tell: called with the name of each figure before it is drawn.

    Raises:
        UserError: an unknown kind or format, no run that has what a kind asked for by name needs, or a folder
            that cannot be written to. Nothing has been drawn then.
        RunFailedError: the disk is full.
    """
    asked, formats = check_names(kinds, formats)
    for path, _ in studies:
        if sum(path.stem == other.stem for other, _ in studies) > 1:
            raise UserError(
                f"two studies are named {path.stem}, and so would be their figures: rename one, or draw it apart"
            )
    groups, labels = group_series(runs, first=first)
    codes = MeasuredCodes()
    with write_errors_explained(out), filled_folder(out, INDEX) as made_in:  # found out before the work
        sheets, skipped = _sheets(asked or (list(KINDS) if runs else [STUDIES, TUNING]), groups, codes, studies)
        if skipped and (asked or not (runs or sheets)):
            kind, needs = next(iter(skipped.items()))
            hint = f" ({codes.problems[0]})" if codes.problems else ""
            raise UserError(f"cannot draw {kind}: no run has {needs}{hint}")
        of_studies = [label for sheet in sheets.get(TUNING, ()) for label in sheet.sources]
        style = styles(list(dict.fromkeys([*labels, *of_studies])))
        files: dict[str, list[Path]] = {}
        lines = ["# Figures", "", *_INDEX_HEAD]
        with house_style():
            for kind, of_kind in sheets.items():
                for sheet in of_kind:
                    tell(sheet.name)
                    pages = list(sheet.pages(style))
                    for number, page in enumerate(pages, 1):
                        stem = sheet.name + (f"-{number}" if len(pages) > 1 else "")
                        made = [_save(page, made_in / f"{stem}.{ending}") for ending in formats]
                        files.setdefault(kind, []).extend(out / path.name for path in made)
                        lines.append(_index_line(made, sheet, page))
        notes = [f"- {kind}: not drawn: no run has {needs}." for kind, needs in skipped.items()]
        notes += [f"- {markdown(problem)}" for problem in codes.problems]
        for group in groups:
            notes += [f"- {markdown(f'{group.name}: {label}: {text}')}" for label, text in settings(group).items()]
        (made_in / INDEX).write_text("\n".join([*lines, *(["", *notes] if notes else [])]) + "\n", encoding="utf-8")
    return Drawn(files, skipped, codes.problems)


_INDEX_HEAD = ["| file | shows | protocol | runs |", "| --- | --- | --- | --- |"]


def _sheets(
    kinds: Sequence[str], groups: Sequence[SeriesGroup], codes: MeasuredCodes, studies: Sequence[tuple[Path, Study]]
) -> tuple[dict[str, list[Sheet]], dict[str, str]]:
    """The sheets of each kind that has any, and what is missing for the others."""
    sheets: dict[str, list[Sheet]] = {}
    skipped: dict[str, str] = {}
    for kind in kinds:
        found = [sheet for group in groups for sheet in KINDS[kind].build(group, codes)]
        if kind == STUDIES:
            found += [sheet for path, study in studies if (sheet := study_sheet(path, study)) is not None]
        if kind == TUNING:
            try:
                found += budget_sheets([group for group in tuning_curves(studies) if group.budgets[-1] > 1])
            except UserError as error:  # of studies that cannot share a curve; the other kinds are drawn all the same
                skipped[kind] = f"studies that make common curves: {error}"
                continue
        if found:
            sheets[kind] = found
        else:
            skipped[kind] = KINDS[kind].needs
    return sheets, skipped


def _save(page: Page, path: Path) -> Path:
    path.write_bytes(drawn(page, path.suffix[1:]))
    return path


def _index_line(files: Sequence[Path], sheet: Sheet, page: Page) -> str:
    links = ", ".join(f"[{path.name}]({path.name})" for path in files)
    texts = [sheet.caption, sheet.heading, sheet.made_from(page.labels)]
    return "| " + " | ".join([links, *(markdown(text.replace("\n", ", ")) for text in texts)]) + " |"

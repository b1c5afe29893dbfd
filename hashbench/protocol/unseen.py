"""Splits that ask whether codes carry over to new classes: queries and database are of classes never trained on.

After A. Sablayrolles, M. Douze, N. Usunier, H. Jegou, "How should we evaluate supervised hashing?", ICASSP 2017: where
queries are of the classes seen in training, the output of a classifier wins; on other classes, hashing is put to work.
"""

from __future__ import annotations

import numpy as np

from hashbench.catalog.schema import UnseenEntry
from hashbench.data.table import LabelledRows
from hashbench.errors import UserError
from hashbench.protocol.split import Split
from hashbench.protocol.stratified import draw_rows


def unseen_split(entry: UnseenEntry, seed: int, table: LabelledRows) -> Split:
    """Divide classes, then rows, by one stream of numpy's RandomState.

    A permutation of the classes gives the test classes first, then the validation classes; the others are trained on.
    Of every class, `per_class` rows are used. Of the test classes, a share of `queries` are test queries and the rest
    is the database; likewise for validation. Without validation classes, the validation queries are a share of
    `queries` of the trained classes' rows, searched in the training rows.

    Raises:
        UserError: several labels per row, too few classes, fewer rows in a class than asked for.
    """
    if table.multilabel:
        raise UserError(f"{table.name}: unseen classes need one label per row, here rows have several")
    labels, needed = table.labels.numpy(), entry.test_classes + entry.validation_classes + 2
    classes, sizes = np.unique(labels, return_counts=True)
    if entry.validation_classes == 1 or len(classes) < needed:
        raise UserError(
            f"{table.name}: {len(classes)} classes cannot be divided into {entry.test_classes} for test, "
            f"{entry.validation_classes} for validation (none, or at least 2) and at least 2 for training"
        )
    if entry.per_class is not None and sizes.min() < entry.per_class:
        raise UserError(
            f"{table.name}: class {classes[sizes.argmin()]} has {sizes.min()} rows, per_class={entry.per_class} asks "
            "for more"
        )
    random = np.random.RandomState(seed % 2**32)
    order = random.permutation(classes)
    test_classes, validation_classes, trained = np.split(
        order, np.cumsum([entry.test_classes, entry.validation_classes])
    )

    def rows_of(some: np.ndarray) -> np.ndarray:
        rows = np.flatnonzero(np.isin(labels, some))
        return rows if entry.per_class is None else draw_rows(rows, labels, entry.per_class * len(some), random)[0]

    def divided(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return draw_rows(rows, labels, round(entry.queries * len(rows)), random)

    test, database = divided(rows_of(test_classes))
    if entry.validation_classes:
        validation, validation_database = divided(rows_of(validation_classes))
        train = rows_of(trained)
    else:
        validation, train = divided(rows_of(trained))
        validation_database = train
    return Split(train, validation, validation_database, database, test, name=f"drawn from {table.name} by classes")

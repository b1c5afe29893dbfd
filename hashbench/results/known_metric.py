"""What the table of metrics says of a metric that a person names."""

from __future__ import annotations

from hashbench.errors import UserError
from hashbench.evaluation.metrics import Member, find


def known_metric(name: str) -> Member:
    """The entry of a metric, which says whether a larger value is the better one.

    Raises:
        UserError: this process does not know the metric; nothing is guessed.
    """
    member = find(name)
    if member is None:
        raise UserError(
            f"metric {name!r}: nothing here says whether more or less of it is better; give the file that registers it "
            "with --import, or its plugin with --plugin"
        )
    return member

"""The leaderboard as one HTML file that needs nothing else: no server, no network, no library.

The page is the template in `page/` with its style, its scripts and the rows as JSON put in. A content security policy
in it forbids the browser to fetch anything.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hashbench.report.html_data import page_data
from hashbench.report.html_tuning import tuning_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from hashbench.results.record import ResultRecord
    from hashbench.tuning.tuning_curves import CurveGroup

_ASSETS = ("leaderboard.css", "charts.js", "columns.js", "detail.js", "tuning.js", "leaderboard.js")


def to_html(
    frame: pd.DataFrame,
    records: Sequence[ResultRecord],
    *,
    metric: str = "map",
    left_out: int = 0,
    tuning: Sequence[CurveGroup] = (),
) -> str:
    """The page; arguments as of `hashbench.report.html_data.page_data`, and tuning curves of studies."""
    page = _asset("leaderboard.html")
    for name in _ASSETS:
        page = page.replace("{{" + name + "}}", _asset(name))
    data = page_data(frame, records, metric=metric, left_out=left_out)
    if tuning:
        data["tuning"] = tuning_data(tuning)
    return page.replace("{{data}}", embedded(data))


def embedded(value: Any) -> str:
    """JSON that may stand inside a `script` element: nothing in it can end the element or open a comment.

    >>> embedded({"name": "</script>"})
    '{"name":"\\\\u003c/script>"}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return (files("hashbench.report") / "page" / name).read_text(encoding="utf-8")

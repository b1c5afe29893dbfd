"""What is put into the leaderboard page: the numbers of the table, safely, and nothing from elsewhere."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from curve_studies import a_study
from refusal import assert_refused

from hashbench.report.html_data import POINTS, page_data
from hashbench.report.html_page import embedded, to_html
from hashbench.results.leaderboard import headings, sections, table
from hashbench.tuning.tuning_curves import tuning_curves


def history(epochs: int, level: float = 0.5, every: int = 2) -> list[dict[str, float]]:
    return [
        {"epoch": epoch, "loss": 1 / epoch} | ({"val_map": level} if epoch % every == 0 else {})
        for epoch in range(1, epochs + 1)
    ]


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_page_holds_the_rows_of_the_table_in_its_order(make_record) -> None:
    records = [make_record(m, seed=s, value=v + s / 100) for m, v in (("a", 0.2), ("b", 0.7)) for s in range(3)]
    frame = table(records)
    data = data_of(to_html(frame, records))
    (found,) = data["tables"]
    assert [row["name"] for row in found["rows"]] == ["b", "a"]
    row = found["rows"][0]
    assert row["stats"][data["metrics"].index("map")] == pytest.approx([0.71, 0.01])
    cells = {column["title"]: cell for column, cell in zip(data["columns"], row["cells"], strict=True)}
    assert (cells["rank"], row["seeds"], row["bits"]) == ([1.000001, "1", "", "place best"], [0, 1, 2], 16)
    assert row["values"] == [0.70, 0.71, 0.72]
    assert (cells["s/epoch"], cells["total s"], cells["peak MiB"]) == ([1.5, "1.50"], [8.0, "8.0"], [300.0, "300"])
    assert cells["map"] == [pytest.approx(0.71), "0.710", " ± 0.010"]
    assert ["optimizer.lr", "0.1"] in row["hparams"]
    assert (data["runs"], data["left_out"], data["metric"]) == (6, 0, "map")


def test_tables_have_the_headings_and_notes_of_the_terminal(make_record) -> None:
    records = [
        make_record("a", fingerprint="f1" * 8),
        make_record("a", fingerprint="f2" * 8, protocol_description={"epochs": 9, "split": {"seed": 0}}),
        make_record("a", fingerprint="f3" * 8, protocol="cifar10"),
    ]
    frame = table(records)
    found = page_data(frame, records, metric="map")["tables"]
    shown = sections(frame, differences=headings(records))
    assert [(part["heading"], part["note"]) for part in found] == [(part.heading, part.note) for part in shown]
    assert "Differs in: epochs = 9" in found[2]["note"]
    assert ["split.seed", "0"] in found[2]["settings"]
    assert len({row["id"] for part in found for row in part["rows"]}) == 3


def test_curves_have_one_line_a_seed_and_gaps_where_a_seed_stopped(make_record) -> None:
    records = [
        make_record("a", seed=1, history=history(4, 0.6), selection={"epoch": 4}),
        make_record("a", seed=0, history=history(2, 0.5), selection={"epoch": 2}),
    ]
    (row,) = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    assert row["loss"] == {"epochs": [1, 2, 3, 4], "seeds": [[1, 0.5, None, None], [1, 0.5, 0.3333, 0.25]]}
    assert row["validation"] == {"epochs": [2, 4], "seeds": [[0.5, None], [0.6, 0.6]]}
    assert row["chosen"] == [2, 4]


def test_a_run_without_history_has_no_curves(make_record) -> None:
    records = [make_record(history=[]), make_record("b", history=[{"loss": 1.0}, {"epoch": 1, "seconds": 3}])]
    rows = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    assert [(row["loss"], row["validation"]) for row in rows] == [(None, None)] * 2


def test_long_curves_are_thinned_and_keep_their_ends(make_record) -> None:
    records = [make_record(history=history(1000))]
    (row,) = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    assert len(row["loss"]["epochs"]) == POINTS
    assert (row["loss"]["epochs"][0], row["loss"]["epochs"][-1]) == (1, 1000)
    assert row["loss"]["seeds"][0][-1] == 0.001


def test_curves_of_the_test_queries_are_means_over_seeds(make_record, make_curves) -> None:
    kept = [make_curves(16, seed) for seed in range(3)]
    records = [make_record("a", seed=seed, curves=curves) for seed, curves in enumerate(kept)]
    (row,) = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    found = row["retrieval"]

    def mean(name: str) -> np.ndarray:
        return np.mean([curves[name] for curves in kept], axis=0)

    assert found["cutoffs"] == kept[0]["cutoffs"]
    np.testing.assert_allclose(found["precision_at"], mean("precision_at"), atol=6e-5)
    np.testing.assert_allclose(found["precision_recall"], mean("precision_interpolated")[::2], atol=6e-5)
    np.testing.assert_allclose(found["precision"], mean("precision_by_radius"), atol=6e-5)
    np.testing.assert_allclose(found["recall"], mean("recall_by_radius"), atol=6e-5)
    for kind, mean_distance in zip(("similar", "dissimilar"), found["distances"], strict=True):
        shares = [np.divide(curves[f"distance_{kind}"], sum(curves[f"distance_{kind}"])) for curves in kept]
        np.testing.assert_allclose(found[kind], np.mean(shares, axis=0), atol=6e-5)
        np.testing.assert_allclose(mean_distance, np.mean(shares, axis=0) @ np.arange(17), atol=6e-5)


def test_curves_that_a_seed_lacks_are_not_shown(make_record, make_curves) -> None:
    curves = make_curves(16, 0)
    records = [
        make_record("a", curves=curves),
        make_record("a", seed=1),
        make_record("b"),
        make_record("c", curves=curves),
    ]
    rows = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    assert {row["name"]: row["retrieval"] is not None for row in rows} == {"a": False, "b": False, "c": True}


def test_what_is_undefined_is_null_and_the_json_valid(make_record) -> None:
    records = [
        make_record(
            metrics={"map": math.nan}, timing={}, peak_memory_mb=math.nan, history=[{"epoch": 1, "loss": math.nan}]
        )
    ]
    page = to_html(table(records), records)
    (row,) = data_of(page)["tables"][0]["rows"]
    assert row["stats"] == [[None, None]]
    assert row["cells"][-3:] == [[None, "–"]] * 3
    assert row["loss"]["seeds"] == [[None]]


def test_settings_of_one_name_are_told_apart(make_record) -> None:
    records = [make_record("a"), make_record("a", hparams={"alpha": 3})]
    names = [row["name"] for row in page_data(table(records), records, metric="map")["tables"][0]["rows"]]
    assert len(set(names)) == 2


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>", "a&amp;b", "\u2028"])
def test_no_name_can_leave_the_data(make_record, name: str) -> None:
    records = [make_record(name, protocol=name)]
    page = to_html(table(records), records)
    assert data_of(page)["tables"][0]["rows"][0]["name"] == name
    plain = [make_record("a", protocol="a")]
    assert page.count("<script") == to_html(table(plain), plain).count("<script")
    assert "<" not in embedded(name)


class References(HTMLParser):
    """Attributes by which a page loads something, or calls for it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.found += [
            f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "action", "data", "poster")
        ]
        self.found += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]
        if tag in ("link", "iframe", "object", "embed", "base"):
            self.found.append(tag)


def test_page_needs_nothing_from_elsewhere(make_record) -> None:
    records = [make_record()]
    page = to_html(table(records), records)
    references = References()
    references.feed(page)
    assert references.found == []
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(|sendBeacon|WebSocket|\.innerHTML", page)
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
    assert "{{" not in page


def test_page_is_the_same_for_the_same_runs(make_record) -> None:
    records = [make_record(seed=seed) for seed in range(3)]
    assert to_html(table(records), records) == to_html(table(records), list(reversed(records)))


def test_no_script_of_the_page_knows_a_metric_or_a_column() -> None:
    """They are in the data: a metric or column that is added in Python is shown without a change here."""
    scripts = "".join(path.read_text(encoding="utf-8") for path in (files("hashbench.report") / "page").iterdir())
    for name in (
        "precision@",
        "recall@",
        "map@",
        "_worst",
        "_best",
        "quantization",
        "s/epoch",
        "peak MiB",
        "seconds_per",
    ):
        assert name not in scripts, name


def test_runs_without_curves_give_points_of_single_metrics(make_record) -> None:
    metrics = {
        "map": 0.5,
        "precision@1000": 0.3,
        "precision@50": 0.4,
        "precision@50_best": 0.9,
        "recall@r1": 0.1,
        "recall@r0": math.nan,
    }
    records = [make_record(metrics=metrics)]
    (row,) = page_data(table(records), records, metric="map")["tables"][0]["rows"]
    assert row["points"] == {"precision_at": [[50, 0.4], [1000, 0.3]], "precision": [], "recall": [[1, 0.1]]}


def test_studies_are_a_part_of_the_page_s_data(make_record) -> None:
    records = [make_record()]
    studies = [
        a_study("wild", [0.1, 0.9, 0.5]),
        a_study("steady", [0.55, 0.56]),
        a_study("wild", [0.2, 0.8, 0.4], seed=1),
    ]
    groups = tuning_curves([(Path(f"{n}.json"), study) for n, study in enumerate(studies)])
    assert "tuning" not in data_of(to_html(table(records), records))
    (group,) = data_of(to_html(table(records), records, tuning=groups))["tuning"]["groups"]
    assert (group["heading"], group["budgets"]) == ("digits · 16 bits · validation mAP", [1, 3])
    wild, steady = group["curves"]
    assert (wild["name"], wild["studies"], wild["trials"], wild["epochs"]) == ("wild", 2, 6, None)
    assert (wild["places"], steady["places"]) == ([2, 1], [1, None])
    assert wild["mean"][0] == pytest.approx(2.9 / 6, abs=1e-5)
    assert group["changes"] == ["wild passes steady at n = 2"]
    assert "different lengths" in group["note"]


def test_studies_on_the_page_need_a_page_and_may_be_a_folder(cli, tmp_path, make_record, store_record) -> None:
    store_record(tmp_path / "runs", make_record())
    (tmp_path / "studies").mkdir()
    a_study().save(tmp_path / "studies" / "s.json")
    assert_refused(cli("leaderboard", "runs", "--studies", "studies"), "--studies", "--html")
    assert cli("leaderboard", "runs", "--html", "l.html", "--studies", "studies")[0] == 0
    data = data_of((tmp_path / "l.html").read_text(encoding="utf-8"))
    assert [curve["name"] for curve in data["tuning"]["groups"][0]["curves"]] == ["csq"]

"""The leaderboard page in a real browser: sorts, filters, opens rows, keeps its state in the address."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from curve_studies import a_study

from hashbench.report.html_data import page_data
from hashbench.report.html_page import to_html
from hashbench.results import columns
from hashbench.results.columns import Column
from hashbench.results.leaderboard import table
from hashbench.tuning.tuning_curves import tuning_curves

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)} is installed")

# Run in the page after its own script: what a person would see, after each of the steps.
PROBE = """
const seen = () => ({
  rows: [...document.querySelectorAll("section:not([hidden])")].map((section) =>
    [...section.querySelectorAll("tbody > tr[data-row]:not([hidden])")].map((row) =>
      `${row.querySelector(".method").textContent} ${row.querySelector(".bits").textContent}`)),
  headings: [...document.querySelectorAll("section:not([hidden]) h2")].map((heading) => heading.textContent),
  count: document.getElementById("count").textContent,
  nothing: !document.getElementById("nothing").hidden,
  sort: [...document.querySelectorAll("section:first-of-type th[aria-sort]")].map((head) => [head.textContent, head.ariaSort]),
  open: [...document.querySelectorAll("button[aria-expanded=true]")].map((button) => button.textContent),
  figures: [...document.querySelectorAll("tr.detail:not([hidden]) figure")].map((figure) => [
    figure.querySelector("figcaption").textContent, figure.querySelectorAll("polyline").length]),
  details: [...document.querySelectorAll("tr.detail:not([hidden])")].map((detail) => detail.innerText),
  bars: document.querySelectorAll("tbody tr:not([hidden]) svg.interval .mean").length,
  labels: [...document.querySelectorAll("tbody tr:not([hidden]) svg.interval")].map((bar) => bar.getAttribute("aria-label")),
  focus: document.activeElement.textContent.slice(0, 40),
  theme: getComputedStyle(document.documentElement).colorScheme,
  ground: getComputedStyle(document.body).backgroundColor,
  hash: decodeURIComponent(location.hash),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  summary: document.getElementById("summary").textContent,
  tuning: {
    rows: [...document.querySelectorAll("#tuning td.method")].map((cell) => cell.textContent),
    lines: [...document.querySelectorAll("#tuning figure")].map((figure) => figure.querySelectorAll("polyline").length),
  },
});
const head = (name) => [...document.querySelectorAll("th button")].find((button) => button.textContent === name);
const row = (name, bits) => [...document.querySelectorAll("tr[data-row]")].find((line) =>
  line.querySelector(".method").textContent === name && line.querySelector(".bits").textContent === String(bits));
const chip = (bits) => [...document.querySelectorAll(".chip")].find((button) => button.textContent === String(bits));
const type = (text) => { const input = document.getElementById("method"); input.value = text; input.dispatchEvent(new Event("input")); };
const choose = (name, value) => { const list = document.getElementById(name); list.value = value; list.dispatchEvent(new Event("change")); };
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const found = [seen()];
for (const step of [STEPS]) { step(); found.push(seen()); }
document.body.append(Object.assign(document.createElement("pre"), { id: "probe", textContent: JSON.stringify(found) }));
"""


def visit(page: Path, *steps: str, address: str = "", width: int = 1400) -> list[dict[str, Any]]:
    """Open a page; what is seen at first, and after each step (JavaScript with the helpers of PROBE)."""
    content = page.read_text(encoding="utf-8")
    probe = PROBE.replace("[STEPS]", "[" + ", ".join(f"() => {{ {step} }}" for step in steps) + "]")
    probed = page.with_name("probed.html")
    probed.write_text(content.replace("</body>", f"<script>{{{probe}}}</script></body>"), encoding="utf-8")
    profile = page.with_name("profile")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
        f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", f"{probed.as_uri()}{address}",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"HOME": str(page.parent)}
    )
    match = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, f"the page's script failed: {done.stderr[-2000:]}"
    result: list[dict[str, Any]] = json.loads(html.unescape(match[1]))
    return result


@pytest.fixture
def records(make_record) -> list:
    found = []
    for method, level in (("dsh", 0.5), ("csq", 0.8), ("dual_hash", 0.7)):
        for bits in (16, 32):
            for seed in range(3):
                value = level + bits / 1000 + seed / 100
                curves = [{"epoch": e, "loss": 3 / e, "val_map": value * e / 10} for e in range(1, 11)]
                metrics = {
                    "map": value, "map_worst": value - 0.03, "map_best": value + 0.02, "quantization_error": 1 - value,
                    **{f"precision@r{r}": 0.9 - r / 10 for r in range(3)}, **{f"recall@r{r}": 0.1 + r / 10 for r in range(3)},
                    **{f"precision@{n}": 0.9 - n / 1000 for n in (1, 10, 100)},
                }  # fmt: skip
                selection = {"epoch": 10}
                found.append(make_record(method, bits, seed, metrics=metrics, history=curves, selection=selection))
    description = {"epochs": 9, "split": {"seed": 0}}
    found.append(make_record("lsh", value=0.3, history=[], fingerprint="ffff", protocol_description=description))
    other = {"protocol": "cifar10", "fingerprint": "eeee", "backbone": "alexnet"}
    found += [make_record("itq", 64, value=0.1, **(other | {"backbone": "raw"}))]
    found += [make_record(name, 64, value=value, **other) for name, value in (("dsh", 0.4), ("csq", 0.6))]
    return found


@pytest.fixture
def page(records: list, tmp_path: Path) -> Path:
    path = tmp_path / "leaderboard.html"
    path.write_text(to_html(table(records), records, left_out=2), encoding="utf-8")
    return path


CIFAR = ["csq 64", "dsh 64", "itq 64"]
DIGITS = ["csq 16", "dual_hash 16", "dsh 16", "csq 32", "dual_hash 32", "dsh 32"]
OTHER = ["lsh 16"]


def test_tables_are_there_one_a_fingerprint(page: Path) -> None:
    (seen,) = visit(page)
    assert seen["rows"] == [CIFAR, DIGITS, OTHER]
    assert seen["headings"][2] == "digits · fingerprint ffff · small_conv"
    assert (seen["count"], seen["nothing"], seen["open"], seen["sort"]) == ("10 rows", False, [], [])
    assert seen["bars"] == 10
    assert seen["labels"][3] == "0.826 ± 0.010, ties 0.796 to 0.846"
    assert seen["labels"][0] == "0.600, ties 0.570 to 0.620"  # one seed: no spread
    assert "2 results left out" in seen["summary"]
    assert "22 runs" in seen["summary"]


def test_titles_sort_turn_round_and_restore(page: Path) -> None:
    steps = ['head("map").click()', 'head("map").click()', 'head("map").click()', 'head("quantization_error").click()']
    steps += ['head("method").click()', 'head("seeds").click()']
    first, best, worst, restored, error, by_name, by_seeds = visit(page, *steps)
    best_first = ["csq 32", "csq 16", "dual_hash 32", "dual_hash 16", "dsh 32", "dsh 16"]
    assert best["rows"] == [CIFAR, best_first, OTHER]
    assert best["sort"] == [["map", "descending"]]
    assert best["hash"] == "#sort=map"
    assert worst["rows"] == [CIFAR[::-1], best_first[::-1], OTHER]
    assert worst["sort"] == [["map", "ascending"]]
    assert (restored["rows"], restored["sort"], restored["hash"]) == (first["rows"], [], "")
    assert error["rows"][1] == best_first  # the smallest error first
    assert error["sort"] == [["quantization_error", "ascending"]]
    assert by_name["rows"][1] == ["csq 16", "csq 32", "dsh 16", "dsh 32", "dual_hash 16", "dual_hash 32"]
    assert by_seeds["rows"] == first["rows"]  # all equal: the order that there was


def test_filters_by_bits_protocol_backbone_and_words(page: Path) -> None:
    steps = [
        "chip(32).click()", "chip(64).click()", "chip(32).click(); chip(64).click()", 'type("HASH, cs")', 'type("nothing")',
        'document.querySelector("[type=reset]").click()', 'choose("protocol", "digits")',
        'choose("protocol", ""); choose("backbone", "alexnet")',
    ]  # fmt: skip
    _, at32, at32or64, all_bits, words, none, cleared, digits, alexnet = visit(page, *steps)
    assert at32["rows"] == [DIGITS[3:]]
    assert (at32["count"], at32["hash"]) == ("3 of 10 rows", "#bits=32")
    assert at32or64["rows"] == [CIFAR, DIGITS[3:]]
    assert all_bits["rows"] == [CIFAR, DIGITS, OTHER]
    assert words["rows"] == [["csq 64"], ["csq 16", "dual_hash 16", "csq 32", "dual_hash 32"]]
    assert (none["rows"], none["nothing"], none["count"]) == ([], True, "0 of 10 rows")
    assert (cleared["rows"], cleared["hash"]) == ([CIFAR, DIGITS, OTHER], "")
    assert digits["rows"] == [DIGITS, OTHER]
    assert alexnet["rows"] == [CIFAR[:2]]  # of one fingerprint, a shallow method on raw pixels is left out
    assert alexnet["hash"] == "#backbone=alexnet"


def test_a_click_on_a_row_shows_its_curves_and_a_second_hides_them(page: Path) -> None:
    steps = [
        'row("dsh", 32).cells[4].click()',
        "chip(16).click()",
        "chip(16).click()",
        'row("dsh", 32).cells[4].click()',
    ]
    steps += ['row("lsh", 16).querySelector("button").click()']
    _, opened, hidden, shown, closed, bare = visit(page, *steps)
    assert opened["open"] == ["dsh"]
    assert opened["figures"] == [
        ["Training loss", 4],  # three seeds and their mean
        ["Validation map", 4],
        ["Precision at T", 1],
        ["Hamming ballprecisionrecall, dashed", 2],
    ]
    (text,) = opened["details"]
    assert "seed 2" in text
    assert "0.5520" in text  # of seed 2
    assert "0.5420 ± 0.0100" in text  # over the seeds
    assert "optimizer.lr" in text
    assert re.fullmatch("#row=[0-9a-f]{10}", opened["hash"])
    assert hidden["figures"] == []
    assert shown["figures"] == opened["figures"]
    assert (closed["figures"], closed["open"], closed["hash"]) == ([], [], "")
    assert bare["figures"] == []
    assert "No curves over epochs" in bare["details"][0]
    assert "No precision over recall" in bare["details"][0]


def test_kept_curves_of_the_test_queries_are_drawn(tmp_path: Path, make_record, make_curves) -> None:
    records = [make_record("csq", 16, seed, history=[], curves=make_curves(16, seed)) for seed in range(2)]
    records.append(make_record("itq", 16, 0, history=[{"epoch": 1, "loss": 0.5, "val_map": 0.5}]))
    path = tmp_path / "page.html"
    path.write_text(to_html(table(records), records), encoding="utf-8")
    (part,) = page_data(table(records), records, metric="map")["tables"]
    near, far = part["rows"][0]["retrieval"]["distances"]
    _, opened, both = visit(path, 'row("csq", 16).click()', 'row("itq", 16).click()')
    assert opened["figures"] == [
        ["Precision over recall", 1],
        ["Precision at T", 1],
        ["Hamming ballprecisionrecall, dashed", 2],
        [f"Distancessimilar pairs, mean {near:.1f}dissimilar, mean {far:.1f}, dashed", 2],
    ]
    assert "mean over seeds" in opened["details"][0]
    assert both["figures"] == opened["figures"]
    assert "No curves over epochs" in both["details"][1]  # one is none
    assert "No precision over recall" in both["details"][1]


def test_the_address_holds_what_is_seen(page: Path) -> None:
    steps = [
        "chip(32).click()",
        'type("d")',
        'head("map").click()',
        'row("dsh", 32).click()',
        'document.getElementById("theme").click()',
    ]
    last = visit(page, *steps)[-1]
    (again,) = visit(page, address=last["hash"])
    assert again == last
    assert again["rows"] == [["dual_hash 32", "dsh 32"]]
    assert again["open"] == ["dsh"]
    assert again["theme"] == "dark"
    (odd,) = visit(page, address="#sort=constructor&row=zz&bits=x&protocol=digits&what=ever")
    assert odd["nothing"] is True  # bits=x matches nothing, and nothing breaks
    assert odd["sort"] == []


def test_works_by_keyboard_alone(page: Path) -> None:
    steps = [
        'row("csq", 16).querySelector("button").focus()', 'press("ArrowDown")', 'press("ArrowUp")', "document.activeElement.click()",
    ]  # fmt: skip
    _, first, down, up, opened = visit(page, *steps)
    assert (first["focus"], down["focus"], up["focus"]) == ("csq", "dual_hash", "csq")
    assert opened["open"] == ["csq"]
    content = page.read_text(encoding="utf-8")
    # What is clicked is a button, a list or a field, which a keyboard reaches by itself.
    assert "tabindex" not in content


def test_light_dark_and_narrow(page: Path) -> None:
    light, dark = visit(page, 'document.getElementById("theme").click()', address="#theme=light")
    assert (light["theme"], dark["theme"]) == ("light", "dark")
    assert light["ground"] != dark["ground"]
    for width in (1000, 500):
        first, opened = visit(page, 'row("dsh", 32).click()', width=width)
        assert first["overflow"] <= 0
        assert opened["overflow"] <= 0
        assert first["rows"] == [CIFAR, DIGITS, OTHER]


def test_hostile_names_are_text(tmp_path: Path, make_record) -> None:
    name = '</script><img src=x onerror="document.title=1"><b>'
    records = [make_record(name, protocol=name, hparams={name: name}, protocol_description={name: name})]
    page = tmp_path / "page.html"
    page.write_text(to_html(table(records), records), encoding="utf-8")
    before, after = visit(page, 'document.querySelector("tr[data-row]").click(); if (document.title === "1") throw 1')
    assert before["rows"] == [[f"{name} 16"]]
    assert name in after["details"][0]


def test_a_page_of_nothing_says_so(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(to_html(table([]), []), encoding="utf-8")
    (seen,) = visit(page)
    assert (seen["rows"], seen["nothing"], seen["count"]) == ([], True, "0 rows")


def test_many_rows_are_all_there(tmp_path: Path, make_record) -> None:
    records = [make_record(f"method_{number:04d}", value=number / 2000) for number in range(1000)]
    page = tmp_path / "page.html"
    page.write_text(to_html(table(records), records), encoding="utf-8")
    first, worst, some = visit(page, 'head("map").click(); head("map").click()', 'type("_000")')
    assert first["count"] == "1000 rows"
    assert worst["rows"][0] == first["rows"][0][::-1]
    assert some["count"] == "10 of 1000 rows"


def test_a_column_that_is_added_is_drawn_and_sorts(tmp_path: Path, make_record, monkeypatch) -> None:
    def seconds(runs) -> float:
        return runs[0].timing["total_seconds"]

    added = Column("slowest", "slowest s", seconds, digits=1, descending=True)
    monkeypatch.setattr(columns, "COLUMNS", [*columns.COLUMNS, added])
    records = [
        make_record(method, timing={"total_seconds": total}) for method, total in (("a", 1.5), ("b", 20.0), ("c", 3.0))
    ]
    page = tmp_path / "page.html"
    page.write_text(to_html(table(records), records), encoding="utf-8")
    first, largest = visit(page, 'head("slowest s").click()')
    assert first["rows"] == [["a 16", "b 16", "c 16"]]
    assert largest["rows"] == [["b 16", "c 16", "a 16"]]
    assert largest["sort"] == [["slowest s", "descending"]]
    assert "20.0" in page.read_text(encoding="utf-8")


def test_tuning_curves_follow_the_filters(tmp_path: Path, make_record) -> None:
    halved = [4] * 2 + [8]
    studies = [a_study("csq", [0.5, 0.8, 0.7], epochs=halved), a_study("dsh"), a_study("dsh", bits=32)]
    groups = tuning_curves([(Path(f"{n}.json"), study) for n, study in enumerate(studies)])
    records = [make_record(method, bits) for method in ("csq", "dsh") for bits in (16, 32)]
    path = tmp_path / "page.html"
    path.write_text(to_html(table(records), records, tuning=groups), encoding="utf-8")
    first, at32, dsh, none = visit(path, "chip(32).click()", 'chip(32).click(); type("dsh")', 'type("x")')
    assert first["headings"][1:] == ["digits · 16 bits · validation mAP", "digits · 32 bits · validation mAP"]
    assert at32["headings"][1:] == ["digits · 32 bits · validation mAP"]
    assert dsh["headings"][1:] == first["headings"][1:]
    assert none["headings"] == []
    assert first["tuning"]["lines"] == [2, 1, 1]  # both over trials, csq over its epochs; dsh at 32 bits
    assert first["tuning"]["rows"] == ["dsh", "csq", "dsh"]  # the best at its end first
    assert dsh["tuning"]["rows"] == ["dsh", "dsh"]


def test_a_page_without_studies_has_no_tuning_curves(page: Path) -> None:
    (seen,) = visit(page, address="#bits=16")
    assert all("validation" not in heading for heading in seen["headings"])

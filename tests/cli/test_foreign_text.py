"""Names and values that somebody else wrote do nothing where they are shown: terminal, CSV, Markdown, LaTeX, pages."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import hashbench.cli
from hashbench.cli.console import Console
from hashbench.foreign_text import ESCAPED, csv_cell, encodable, markdown, visible, visible_in_a_line

HOSTILE = "=1+1|<script>alert(1)</script>`x`![i](http://e.org/x)\x1b[2J\x9b31m\x07\u202e %_$^&#{}~\\ [red]:smile:"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def hostile(make_record, store_record, tmp_path):
    """A folder with one run of which every text is hostile, and one that is not."""
    record = make_record(
        method=f"{HOSTILE}m",
        preset=f"{HOSTILE}p",
        backbone=f"{HOSTILE}b",
        hparams={f"{HOSTILE}h": HOSTILE, "lines": "a\nb\r\tc"},
        protocol_description={f"{HOSTILE}k": HOSTILE},
        metrics={"map": 0.5, "map_worst": 0.4, "map_best": 0.6, f"@{HOSTILE}": -0.5, "+metric": -1.0},
        environment={"date": HOSTILE, "cpu": {"model": HOSTILE}},
    )
    other = make_record()
    folder = store_record(tmp_path / "runs", other)
    beside = folder.path.parent / "seed7"
    beside.mkdir()
    (beside / "result.json").write_text(json.dumps(json.loads(record.to_json())))
    (beside / "spec.json").write_text("{}")
    return tmp_path / "runs"


def test_no_output_of_the_leaderboard_obeys_a_result(cli, hostile, tmp_path):
    files = {kind: tmp_path / f"board.{kind}" for kind in ("csv", "markdown", "latex", "html")}
    code, out, err = cli("leaderboard", hostile, *(word for kind in files for word in (f"--{kind}", files[kind])))
    assert code == 0, err
    for text in (out, err, *(file.read_text(encoding="utf-8") for file in files.values())):
        assert not CONTROL.search(text)
    assert "[red]:smile:m" in out, "neither markup nor emoji"
    assert r"\u001b[2J\u009b31m" in out
    rows = list(csv.reader(io.StringIO(files["csv"].read_text())))
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if re.match("[=@+-]", cell) and not re.fullmatch(r"-?[\d.]+", cell)] == []
    assert "-0.5" in cells, "a number stays a number"
    assert "'=1+1" in files["csv"].read_text()
    assert "<script" not in files["markdown"].read_text()
    table = [line for line in files["markdown"].read_text().splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table}) == 1, "as many cells in every row"
    assert not re.search(r"(?<!\\)!?\[i\]\(", files["markdown"].read_text())
    latex = "\n".join(line for line in files["latex"].read_text().splitlines() if "script" in line)
    assert not re.search(r"(?<!\\)[%#&_]", latex.replace(" & ", " ")), latex
    assert scripts(files["html"].read_text()) == scripts(page_without(cli, hostile, tmp_path))


def page_without(cli, runs, tmp_path):
    """The page of the same folder without the hostile run."""
    for path in runs.rglob("seed7/result.json"):
        path.unlink()
    assert cli("leaderboard", runs, "--html", tmp_path / "other.html")[0] == 0
    return (tmp_path / "other.html").read_text()


def scripts(page):
    """How many elements a page has, of each kind."""
    counts: dict[str, int] = {}

    class Count(HTMLParser):
        def handle_starttag(self, tag, attrs):
            counts[tag] = counts.get(tag, 0) + 1

    Count().feed(page)
    return counts


@pytest.mark.parametrize("text", ["=1", "+x", "-cmd", "@f", " =1", "\t=1", "'=1", "\r=1", "-1+1", "-inf|x"])
def test_a_cell_that_a_spreadsheet_would_compute_has_a_quote_in_front(text):
    cell = csv_cell(text)
    assert re.match(r"'|\\u", cell)


@pytest.mark.parametrize("value", ["-1.5", "+3", "1e-3", "-inf", "dsh", "", "a=b", "{}", -1.5, 7, None])
def test_numbers_and_names_stay_as_they_are(value):
    assert csv_cell(value) == value


def test_what_is_escaped_within_json_is_what_it_was():
    text = json.dumps({"a": "é\x9b\u202e😀\x7f"}, ensure_ascii=False)
    for encoding in ("ascii", "latin-1", "utf-8", None):
        assert json.loads(encodable(visible(text), encoding)) == json.loads(text)
    assert "😀".encode("ascii", ESCAPED) == rb"\ud83d\ude00"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", ESCAPED)


def test_lines_and_tabs_stay_in_a_text_and_are_shown_in_a_cell():
    assert visible("a\n\tb") == "a\n\tb"
    assert visible_in_a_line("a\n\tb") == r"a\u000a\u0009b"
    assert markdown("a\\|b") == r"a\\\|b"
    assert markdown("0.5 ± 0.1 [0.4, 0.6]") == "0.5 ± 0.1 [0.4, 0.6]"


def test_a_console_shows_control_characters_in_every_cell(capfd):
    from rich.table import Table

    table = Table(title="\x1b]0;t\x07", caption="\u2066c")
    table.add_column("\x1b[8m")
    table.add_row("[bold]\x9b2J")
    Console(width=100).print(table, "\x1b[2J", soft_wrap=True)
    out = capfd.readouterr().out
    assert not CONTROL.search(out)
    for text in (r"\u001b]0;t\u0007", r"\u2066c", r"\u001b[8m", r"[bold]\u009b2J"):
        assert text[:6] in out


def test_everything_that_is_printed_goes_through_say_or_the_console():
    """One place where text is made visible, and outputs that fail are borne: `hashbench.cli.say`."""
    found = []
    for file in Path(hashbench.cli.__file__).parent.glob("*.py"):
        if file.name in ("say.py", "console.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "typer.secho"):
                found.append(f"{file.name}: {node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
                found.append(f"{file.name}: {node.lineno}")
    assert found == []

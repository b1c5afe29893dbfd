"""The LaTeX tables: their structure, their marks, and that LaTeX takes them where it is installed."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hashbench.report.latex import escape, to_latex
from hashbench.results.leaderboard import headings, table


def seeds(make_record, method: str, values: list[float], **changes) -> list:
    return [make_record(method=method, seed=seed, value=value, **changes) for seed, value in enumerate(values)]


def lines(text: str) -> dict[str, list[str]]:
    """Cells of each method, over all tables."""
    rows = [re.split(r" & | \\\\", line.strip()) for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    return {row[0]: row[1:-1] for row in rows}


def test_best_is_bold_second_underlined_and_the_rest_plain(make_record) -> None:
    records = [
        *seeds(make_record, "dual_hash", [0.79, 0.80, 0.81]),
        *seeds(make_record, "dsh", [0.69, 0.70, 0.71]),
        *seeds(make_record, "lsh", [0.29, 0.30, 0.31]),
        *seeds(make_record, "dual_hash", [0.50, 0.51, 0.52], bits=32),
        *seeds(make_record, "dsh", [0.71, 0.72, 0.73], bits=32),
        *seeds(make_record, "lsh", [0.41, 0.42, 0.43], bits=32),
    ]
    found = lines(to_latex(table(records)))
    assert list(found) == ["Method", "dsh", r"dual\_hash", "lsh"]  # by the mean over bits
    assert found["Method"] == ["16 bits", "32 bits"]
    spread = r" {\scriptsize$\pm$ 0.010}"
    assert found[r"dual\_hash"] == [r"\textbf{0.800}" + spread, r"\underline{0.510}" + spread]
    assert found["dsh"] == [r"\underline{0.700}" + spread, r"\textbf{0.720}" + spread]
    assert found["lsh"] == ["0.300" + spread, "0.420" + spread]


def test_warnings_stand_in_the_caption(make_record) -> None:
    records = [make_record("a_b", warnings=["5 % of it is doubtful"]), make_record("c")]
    caption = next(line for line in to_latex(table(records)).splitlines() if "caption{" in line)
    assert r"a\_b (16 bits): 5 \% of it is doubtful." in caption


def test_numbers_that_print_alike_are_marked_alike(make_record) -> None:
    records = [make_record("a", value=0.70001), make_record("b", value=0.7), make_record("c", value=0.6)]
    found = lines(to_latex(table(records)))
    assert r"\textbf{0.700}" in found["a"][0]
    assert r"\textbf{0.700}" in found["b"][0]
    assert "underline" not in to_latex(table(records)).partition(r"\midrule")[2]


def test_the_smallest_error_is_the_best(make_record) -> None:
    records = [make_record(m, metrics={"map": 0.5, "quantization_error": e}) for m, e in (("a", 0.3), ("b", 0.1))]
    found = lines(to_latex(table(records, metric="quantization_error"), metric="quantization_error"))
    assert list(found)[1:] == ["b", "a"]
    assert r"\textbf{0.100}" in found["b"][0]


def test_one_seed_says_so(make_record) -> None:
    text = to_latex(table([make_record("a"), *seeds(make_record, "b", [0.1, 0.2, 0.3])]))
    assert lines(text)["a"] == [r"\textbf{0.500}$^{\dagger}$"]
    assert "over 1 to 3 seeds" in text
    assert "$^{\\dagger}$~One seed" in text
    assert "dagger" not in to_latex(table(seeds(make_record, "b", [0.1, 0.2, 0.3])))
    assert "standard deviation" not in to_latex(table([make_record("a")]))


def test_what_was_not_run_or_is_not_defined_is_a_dash_and_comes_last(make_record) -> None:
    records = [
        make_record("everywhere", value=0.2),
        make_record("everywhere", bits=32, value=0.2),
        make_record("short", value=0.9),
        make_record("undefined", metrics={"map": math.nan}),
    ]
    found = lines(to_latex(table(records)))
    assert list(found)[1:] == ["everywhere", "short", "undefined"]
    assert found["short"][1] == "--"
    assert found["undefined"] == ["--", "--"]


def test_one_table_a_fingerprint_that_says_how_it_differs(make_record) -> None:
    records = [
        make_record("a", fingerprint="f1" * 8),
        make_record("a", fingerprint="f2" * 8, protocol_description={"epochs": 9, "split_seed": 0}),
    ]
    text = to_latex(table(records), differences=headings(records))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert len(set(re.findall(r"\\label{(.*)}", text))) == 2
    assert "Differs in: epochs = 9" in text
    assert r"split\_seed" in text


def test_lengths_that_do_not_fit_on_a_line_make_tables_of_their_own(make_record) -> None:
    records = [make_record("csq", bits=8 * n) for n in range(1, 11)] + [make_record("itq", bits=64, value=0.9)]
    text = to_latex(table(records))
    assert re.findall("{tabular}{(l.*)}", text) == ["lccccc", "lccccc"]
    assert re.findall(r"(\d+) bits", text) == [str(8 * n) for n in range(1, 11)]
    assert text.count("itq") == 1  # only where it was run
    assert len(set(re.findall(r"\\label{(.*)}", text))) == 2
    long = to_latex(table([make_record(f"{'x' * 60}", bits=bits) for bits in (16, 32)]))
    assert re.findall("{tabular}{(l.*)}", long) == ["lc", "lc"]  # never none


def test_metrics_have_the_names_of_a_paper(make_record) -> None:
    assert r"\caption{mAP. digits" in to_latex(table([make_record()]))
    found = to_latex(table([make_record()], metric="precision@r2"), metric="precision@r2")
    assert r"\caption{precision, r $\leq$ 2. digits" in found


def test_nothing_is_no_table() -> None:
    assert r"\begin" not in to_latex(table([]))


def test_special_characters_are_escaped() -> None:
    assert escape(r"a_b & 5% #1 {x} $y \z ~^") == (
        r"a\_b \& 5\% \#1 \{x\} \$y \textbackslash{}z \textasciitilde{}\textasciicircum{}"
    )
    assert escape("−1 ± 2 × 3 ≤ 4–5") == r"$-$1 $\pm$ 2 $\times$ 3 $\leq$ 4--5"
    assert escape("Müller, 数据") == "Müller, ??"


def tricky(make_record) -> list:
    description = {"epochs": 9, "note": 'a_b & 5% #1 {x} $y \\z ~^ < > | " −1 ± 2 数'}
    return [
        *seeds(make_record, "dual_hash", [0.79, 0.80, 0.81]),
        *seeds(make_record, "dual_hash", [0.70, 0.71, 0.72], bits=32, preset="a@b=c+d", trials=20),
        *[
            run
            for bits in (8, 24, 48, 64, 128, 256)
            for run in seeds(make_record, "dual_hash", [0.1, 0.5, 0.9], bits=bits)
        ],
        make_record("dsh", fingerprint="ff", protocol="cifar10_x"),
        make_record("dsh", fingerprint="ee", protocol="cifar10_x", protocol_description=description),
    ]


def test_braces_dollars_and_environments_are_balanced(make_record) -> None:
    records = tricky(make_record)
    text = to_latex(table(records), differences=headings(records))
    assert text.isascii()
    bare = re.sub(r"\\[\\{}$&%#_]", "", text)
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert re.findall(r"\\(begin|end){(table|tabular)}", text) == [
        ("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table"),
    ] * 5  # fmt: skip
    for columns, body in re.findall(r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", text, flags=re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_it_and_every_table_fits_on_the_page(tmp_path: Path, make_record) -> None:
    records = tricky(make_record)
    body = to_latex(table(records), differences=headings(records))
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + body + "\\end{document}\n"
    (tmp_path / "t.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    if "booktabs.sty' not found" in done.stdout:
        pytest.skip("LaTeX is installed without booktabs")
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull .*|Missing character.*|.*multiply defined.*", done.stdout)
    assert (tmp_path / "t.pdf").stat().st_size > 0

"""Rows that were tuned say so in their name, and rows of different budgets are marked where they meet."""

from __future__ import annotations

import csv
import io

from hashbench.report.figures.series import group_series
from hashbench.report.html_data import page_data
from hashbench.report.latex import to_latex
from hashbench.results.leaderboard import sections, table, to_csv, to_markdown
from hashbench.results.naming import row_names

SENTENCE = "* Rows with different tuning budgets at 16 bits: 24 trials for csq; 0 trials for dsh."


def tuned(make_record, method: str = "csq", bits: int = 16, trials: int = 24, seed: int = 0, **changes):
    """A run with settings that a search found: their label ends in a digest of their values."""
    label = f"default+tuned{trials}+0000{bits:04x}"
    return make_record(method, bits, seed, **({"preset": label, "trials": trials, "hparams": {"lam": bits}} | changes))


def names(section) -> list[str]:
    return [row[section.columns.index("method")] for row in section.rows]


def test_the_row_with_fewer_trials_is_marked_and_a_line_says_why(make_record) -> None:
    records = [tuned(make_record), make_record("dsh", value=0.4)]
    frame = table(records)
    (section,) = sections(frame)
    assert names(section) == ["csq tuned(24)", "dsh *"]
    assert SENTENCE in section.note

    rows = list(csv.DictReader(io.StringIO(to_csv(frame))))
    assert [(row["method"], row["tuning"], row["trials"], row["most_trials"]) for row in rows] == [
        ("csq", "tuned(24)", "24", "24"),
        ("dsh", "defaults", "0", "24"),
    ]
    text = to_markdown(frame)
    assert "| dsh * |" in text
    assert SENTENCE in text
    latex = to_latex(frame)
    assert "dsh * &" in latex
    assert "csq tuned(24) &" in latex
    assert "different tuning budgets at 16 bits: 24 trials for csq; 0 trials for dsh" in latex

    (part,) = page_data(frame, records, metric="map")["tables"]
    assert SENTENCE in part["note"]
    cells = [cell for row in part["rows"] for cell in row["cells"] if "dsh *" in cell]
    assert cells == [["dsh", "dsh *", "", "", "0 trials, another row has 24"]]


def test_a_note_of_markdown_that_begins_with_the_mark_is_no_list(make_record) -> None:
    records = [tuned(make_record, seed=seed) for seed in range(3)]
    records += [make_record("dsh", seed=seed, value=0.4) for seed in range(3)]
    (line,) = [line for line in to_markdown(table(records)).splitlines() if "tuning budgets" in line]
    assert line.startswith(("Ranks", "\\* Rows"))


def test_equal_budgets_and_rows_of_other_bits_or_protocols_are_not_marked(make_record) -> None:
    same = [tuned(make_record), tuned(make_record, "dsh"), make_record("dsh", 32), make_record("dsh", fingerprint="ff")]
    for section in sections(table(same)):
        assert not any(name.endswith("*") for name in names(section))
        assert "budgets" not in section.note


def test_lengths_with_the_same_budgets_share_a_sentence_and_many_methods_are_counted(make_record) -> None:
    records = [tuned(make_record, f"m{n}", bits, 24 if n < 5 else 12) for n in range(7) for bits in (16, 32)]
    records.append(make_record("lsh", 32))
    (section,) = sections(table(records))
    assert "at 16 bits: 24 trials for m0, m1, m2 and 2 more; 12 trials for m5, m6." in section.note
    assert "at 32 bits: 24 trials for m0, m1, m2 and 2 more; 12 trials for m5, m6; 0 trials for lsh." in section.note
    both = [record for record in records if record.method != "lsh"]
    (section,) = sections(table(both))
    assert section.note.count("budgets") == 1
    assert "at 16, 32 bits" in section.note


def test_what_a_search_found_at_each_length_is_one_method(make_record, tmp_path, store_record) -> None:
    records = [tuned(make_record, bits=bits) for bits in (16, 64)]
    records += [make_record("csq", bits, preset="tuned24", trials=24, seed=3) for bits in (16, 64)]
    assert "csq tuned(24)" in names(sections(table(records[:2]))[0])
    assert to_latex(table(records[:2])).count("csq tuned(24) &") == 1
    runs = [store_record(tmp_path, record) for record in records[:2]]
    assert group_series(runs)[1] == ["csq tuned(24)"]


def test_two_settings_of_one_name_are_told_apart_even_where_only_their_labels_differ(make_record) -> None:
    labels = ["default+tuned24+00000001", "default+tuned24+00000002"]  # of hooks, which are no hyper-parameters
    rows = table([tuned(make_record, preset=label) for label in labels]).to_dict("records")
    one, other = row_names(rows)
    assert one != other
    assert one.startswith("csq tuned(24) (")


def test_a_label_that_says_another_number_or_none_stays(make_record) -> None:
    records = [
        make_record("a", preset="tuned", trials=24),
        make_record("b", preset="tuned8", trials=24),
        make_record("c", preset="release+tuned24+0123abcd", trials=24),
        make_record("d", preset="tuned24"),
    ]
    assert row_names(table(records).to_dict("records")) == [
        "a@tuned tuned(24)",
        "b@tuned8 tuned(24)",
        "c@release tuned(24)",
        "d@tuned24",
    ]

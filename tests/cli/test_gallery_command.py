"""`hashbench gallery` on a real run."""

from __future__ import annotations

import numpy as np


def test_a_page_of_a_run_and_what_is_refused(cli, tmp_path):
    assert cli("run", "--method", "lsh", "--bits", 8)[0] == 0
    run = next(tmp_path.glob("runs/**/result.json")).parent
    code, out, err = cli("gallery", run, "--queries", 3, "--top", 6)
    assert code == 0, err
    assert "gallery.html: 9 queries" in out
    page = (tmp_path / "gallery.html").read_text()
    assert page.count("<img ") == 9 * 7
    assert "What lsh retrieves on digits, 8 bits" in page
    worst = np.load(run / "per_query.npz")["ap"].min()
    assert f"AP {worst:.3f}" in page
    cli("gallery", run, "--queries", 3, "--top", 6, "--out", "again.html")
    assert (tmp_path / "again.html").read_text() == page
    for words, expected in {
        ("gallery", "nowhere"): "no such folder",
        ("gallery", "runs"): "not a run folder",
        ("gallery", run, "--top", 1001): "give 1 to 1000",
        ("gallery", run, "--seed", -1): "--seed -1",
        ("gallery", run, "--out", "no/such/page.html"): "cannot write",
        ("gallery", run, "--out", tmp_path): "is a folder",
    }.items():
        code, out, err = cli(*words)
        assert code == 2, out
        assert err.count("\n") == 1
        assert expected in err

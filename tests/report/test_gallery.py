"""The gallery: which queries and items it shows, and a page that says so without colours, scripts or a network."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hashbench.errors import UserError
from hashbench.evaluation import evaluate, pack_codes
from hashbench.report.gallery import choose, sections
from hashbench.report.gallery_images import LARGEST, data_uri, is_crisp
from hashbench.report.gallery_page import gallery_page
from hashbench.results.codes import RunCodes
from hashbench.results.folder import RunFolder

ROWS, QUERIES, BITS = 60, 20, 4
LABELS = np.random.default_rng(1).integers(0, 3, ROWS + QUERIES)


@pytest.fixture
def finished(tmp_path) -> RunFolder:
    """A run of 20 queries, rows 60 .. 79, in a database of 60 items with few distinct codes; no files."""
    packed = pack_codes(np.random.default_rng(0).integers(0, 2, (ROWS + QUERIES, BITS)))
    query, database = np.arange(ROWS, ROWS + QUERIES), np.arange(ROWS)
    codes = RunCodes(packed[query], packed[database], LABELS[query], LABELS[database], query, database, BITS)
    run = RunFolder(tmp_path)
    measured = evaluate(packed[query], packed[database], LABELS[query], LABELS[database], bits=BITS)
    run.codes, run.per_query = codes, measured.per_query
    return run


def relevant(row, rows):
    return LABELS[rows] == LABELS[row]


def test_random_worst_and_best_queries_are_what_they_say():
    ap = np.array([0.5, np.nan, 1.0, 1.0, 0.1, 1.0, 0.3])
    chosen = choose(ap, 3, seed=0)
    assert chosen["worst"].tolist() == [4, 6, 0]
    assert set(chosen["best"].tolist()) == {2, 3, 5}
    assert 1 not in np.concatenate(list(choose(ap, 7, seed=0).values()))
    drawn = {tuple(choose(ap, 1, seed)["best"].tolist()) for seed in range(40)}
    assert drawn == {(2,), (3,), (5,)}, "equal AP: the first query of the file is not preferred"
    assert len({tuple(choose(ap, 3, seed)["random"].tolist()) for seed in range(20)}) > 5
    with pytest.raises(UserError, match="no query of this run has a relevant item"):
        choose(np.array([np.nan]), 1, 0)


def test_groups_hold_the_nearest_items_and_count_all_ties(finished):
    codes = finished.codes
    for section in sections(finished, relevant, queries=QUERIES, top=17):
        assert len(section.queries) == QUERIES
        for shown in section.queries:
            distances = np.unpackbits(codes.database_codes ^ codes.query_codes[shown.row - ROWS], axis=1).sum(1)
            listed = [item for group in shown.groups for item in group.items]
            assert len(listed) == 17
            assert len({item.row for item in listed}) == 17
            assert [g.distance for g in shown.groups] == sorted({g.distance for g in shown.groups})
            for number, group in enumerate(shown.groups):
                assert group.tied == (distances == group.distance).sum()
                assert group.rank == 1 + (distances < group.distance).sum()
                assert {distances[item.row] for item in group.items} == {group.distance}
                assert number == len(shown.groups) - 1 or len(group.items) == group.tied
                assert all(item.relevant == (LABELS[item.row] == LABELS[shown.row]) for item in group.items)
            assert shown.ap_worst <= shown.ap <= shown.ap_best


def test_the_seed_alone_decides_what_is_drawn(finished):
    first, again, other = (sections(finished, relevant, queries=5, top=10, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    by_row = {shown.row: shown for shown in sections(finished, relevant, queries=QUERIES, top=10, seed=3)[0].queries}
    assert all(by_row[shown.row] == shown for part in first for shown in part.queries), "whatever else is shown"


def test_impossible_numbers_are_refused(finished):
    with pytest.raises(UserError, match="--queries 0"):
        sections(finished, relevant, queries=0)
    for top in (0, ROWS + 1):
        with pytest.raises(UserError, match=f"--top {top}: .* give 1 to 60"):
            sections(finished, relevant, top=top)
    finished.per_query["ap"] = finished.per_query["ap"][1:]
    with pytest.raises(UserError, match="does not fit"):
        sections(finished, relevant)


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))))


def test_small_images_are_kept_exactly_and_large_ones_made_small():
    rng = np.random.default_rng(0)
    grey, colour = (rng.integers(0, 256, (channels, 8, 8), dtype=np.uint8) for channels in (1, 3))
    np.testing.assert_array_equal(decoded(data_uri(grey)), grey[0])
    np.testing.assert_array_equal(decoded(data_uri(colour)), colour.transpose(1, 2, 0))
    large = np.full((3, 300, 200), 77, dtype=np.uint8)
    uri = data_uri(large)
    assert uri.startswith("data:image/jpeg")
    assert decoded(uri).shape == (LARGEST, LARGEST * 2 // 3, 3)
    assert is_crisp(grey)
    assert not is_crisp(large)


class _Reader(HTMLParser):
    """Tags with their attributes, and whether all of them are closed in order."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_says_right_and_wrong_in_words(finished):
    shown = sections(finished, relevant, queries=4, top=10)
    page = gallery_page(
        "What <b> retrieves",
        {"mAP": "0.5 & more"},
        shown,
        top=10,
        seed=0,
        image=lambda row: np.full((1, 8, 8), row, dtype=np.uint8),
        name=lambda row: f"class <{LABELS[row]}>",
        path=lambda row: f'a "{row}".png',
    )
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)
    images = [attributes for tag, attributes in reader.found if tag == "img"]
    assert len(images) == 3 * 4 * 11
    items = [item for part in shown for query in part.queries for group in query.groups for item in group.items]
    right = sum(item.relevant for item in items)
    assert 0 < right < len(items)
    assert sum(attributes["alt"].startswith("right, row") for attributes in images) == right
    assert sum(attributes["alt"].startswith("wrong, row") for attributes in images) == len(items) - right
    assert page.count('aria-label="right">✓') == right
    assert page.count('aria-label="wrong">✗') == len(items) - right
    assert all(attributes["src"].startswith("data:image/png;base64,") for attributes in images)
    assert all(attributes["class"] == "crisp" for attributes in images)
    cut = sum(group.tied > len(group.items) for part in shown for query in part.queries for group in query.groups)
    assert page.count(", drawn</b>") == page.count('class="group cut"') == cut > 0
    assert "class &lt;" in page
    assert "<0>" not in page
    assert "What &lt;b&gt; retrieves" in page
    assert 'title="a &quot;60&quot;.png"' in page or "&quot;" in page

"""The critical-difference picture: its files, and that what it shows is what was computed."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import UserError
from hashbench.report.critical_difference import critical_difference_figure, write_critical_difference
from hashbench.results.average_rank import AverageRanks, Friedman, critical_difference, not_separable


def made(ranks: list[float], comparisons: int = 14) -> AverageRanks:
    average = np.array(ranks)
    difference = critical_difference(len(ranks), comparisons)
    return AverageRanks(
        methods=[f"method_{place}" for place in range(len(ranks))],
        ranks=average,
        comparisons=["digits 16 bits"] * comparisons,
        protocols=1,
        test=Friedman(9.0, 3.7, 0.02),
        critical_difference=difference,
        groups=not_separable(average, difference),
        left_out=[],
    )


def test_suffix_chooses_the_format_and_none_means_both(tmp_path: Path) -> None:
    ranks = made([1.2, 1.9, 3.3, 3.6])
    assert write_critical_difference(ranks, tmp_path / "a.PNG") == [tmp_path / "a.PNG"]
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    assert write_critical_difference(ranks, tmp_path / "b") == [tmp_path / "b.png", tmp_path / "b.pdf"]
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    before = {name: (tmp_path / name).read_bytes() for name in ("b.png", "b.pdf")}
    write_critical_difference(ranks, tmp_path / "b")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_wrong_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot draw \.svg: name a \.png or \.pdf"):
        write_critical_difference(made([1.0, 2.0]), tmp_path / "a.svg")
    with pytest.raises(UserError, match="cannot write to"):
        write_critical_difference(made([1.0, 2.0]), tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def bars(figure) -> list[tuple[float, float, float]]:
    """(first rank, last rank, height) of each bar."""
    lines = [line for line in figure.axes[0].lines if line.get_color() == "#D55E00"]
    return [(*line.get_xdata(), line.get_ydata()[0]) for line in lines]


def test_one_bar_a_group_and_none_lies_on_another() -> None:
    ranks = made([1.0, 2.0, 2.9, 4.1, 4.2, 6.5], comparisons=10)
    assert len(ranks.groups) > 1
    found = bars(critical_difference_figure(ranks))
    assert len(found) == len(ranks.groups)
    for (first, last), (left, right, _) in zip(ranks.groups, found, strict=True):
        assert left == pytest.approx(ranks.ranks[first], abs=0.1)
        assert right == pytest.approx(ranks.ranks[last], abs=0.1)
    for one in found:
        for other in found:
            assert one == other or one[2] != other[2] or one[1] < other[0] or other[1] < one[0]


def test_no_bar_where_all_are_separable() -> None:
    assert bars(critical_difference_figure(made([1.0, 2.0], comparisons=100))) == []


@pytest.mark.parametrize("count", [2, 5, 31, 80])
def test_all_names_are_shown_inside_the_picture_and_none_covers_another(count: int) -> None:
    figure = critical_difference_figure(made(list(np.linspace(1.3, count - 0.3, count))))
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    names = [text for text in boxes if "method_" in text]
    assert len(names) == count
    width, height = figure.canvas.get_width_height()
    for text, box in boxes.items():
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, text
    placed = sorted((boxes[name] for name in names), key=lambda box: (box.x0 > width / 2, box.y0))
    for lower, upper in itertools.pairwise(placed):
        if (lower.x0 > width / 2) == (upper.x0 > width / 2):
            assert lower.y1 <= upper.y0 + 1


def test_a_critical_difference_beyond_the_axis_says_so() -> None:
    texts = [text.get_text() for text in critical_difference_figure(made([1.0, 2.0, 3.0], comparisons=2)).axes[0].texts]
    assert any("longer than the axis" in text for text in texts)


def test_the_note_says_that_comparisons_of_one_protocol_are_not_independent() -> None:
    ranks = made([1.2, 3.6])
    assert any("read p as a guide" in text.get_text() for text in critical_difference_figure(ranks).axes[0].texts)
    apart = dataclasses.replace(ranks, protocols=14)
    assert not any("read p as a guide" in text.get_text() for text in critical_difference_figure(apart).axes[0].texts)

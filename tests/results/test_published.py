"""The printed numbers of the papers, in the harness's names and units."""

from __future__ import annotations

import pytest

from hashbench.results.published import in_table, published

CATALOGUE = """
dualhash_stom dualhash_storm dualhash_wcr dualhash_primal hashnet dsh dtsh dhn dpsh dsdh csq greedyhash orthohash mdshc
deep_linf nnh snnh sdh ksh agh1 agh2 psh ldahash lsh itq sh class_codes random_codes features
"""


def value(method: str, **where: object) -> float:
    found = [n for n in published(method) if all(getattr(n, key) == wanted for key, wanted in where.items())]
    assert len(found) == 1, found
    return found[0].value


def test_values_are_those_of_the_papers() -> None:
    assert value("dualhash_stom", dataset="cifar10", metric="map", backbone="alexnet", bits=16) == 0.8215
    assert value("dualhash_storm", dataset="nuswide21", metric="map@5000", backbone="alexnet", bits=64) == 0.6982
    assert value("dualhash_stom", metric="quantization_error", bits=64) == 0.0906
    assert value("deep_linf", dataset="cifar10", metric="map", bits=48) == pytest.approx(0.3148)


def test_percents_become_shares_without_losing_small_ones() -> None:
    assert value("ldahash", dataset="cifar10", metric="recall@r0", bits=48) == pytest.approx(1.7e-7)


def test_one_method_on_features_and_on_a_network_is_told_apart_by_the_backbone() -> None:
    assert value("sdh", dataset="cifar10", backbone="handcrafted", bits=16) == 0.4254
    assert value("sdh", dataset="cifar10", backbone="alexnet", bits=16) == 0.6665


def test_every_number_is_of_a_method_of_the_catalogue_and_there_once() -> None:
    numbers = [number for method in CATALOGUE.split() for number in published(method)]
    assert len(numbers) == 373
    assert len({number[:-1] for number in numbers}) == 373
    assert all(0 <= number.value <= 1 for number in numbers if number.metric != "seconds_per_epoch")
    assert not any("(" in number.metric for number in numbers)


def test_a_method_that_no_paper_prints_has_none() -> None:
    assert published("class_codes") == []


def test_a_table_is_found_by_paper_and_number() -> None:
    assert {(n.method, n.bits): n.value for n in in_table("dualhash", "IV")} == {
        ("dualhash_stom", 48): 0.8662,
        ("dualhash_stom", 64): 0.8714,
    }
    assert len(in_table("deep_linf_encoder", "2")) == 112  # 8 methods, 2 code lengths, 7 metrics
    assert in_table("deep_linf_encoder", "II") == []


def test_what_only_the_text_of_a_paper_says_has_its_own_metrics() -> None:
    assert value("dualhash_stom", table="VII", dataset="cifar10", metric="seconds_per_epoch") == 6.86
    gain = value("dualhash_stom", table="VII", dataset="nuswide21", metric="map@5000 gain over dualhash_wcr")
    assert gain == pytest.approx(0.031)


def test_reading_them_imports_nothing_heavy(start_python) -> None:
    code = """
import sys
from hashbench.results.published import published
assert published("ksh")
print([name for name in ("numpy", "pandas", "pydantic", "filelock") if name in sys.modules])
"""
    out, err = start_python(code).communicate()
    assert out == "[]\n", err

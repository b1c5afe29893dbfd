from operator import ne

import pytest
import torch

from hashbench.errors import UserError
from hashbench_baselines.orthohash import OrthoHash, separated_codebook


def test_equals_the_paper(build, equals_slow_loop, labels):
    method = build(OrthoHash, s=5.0, m=0.3)

    def slow(v, y):
        b, bits, total = *v.shape, 0.0
        for i in range(b):
            norm = sum(v[i, k] ** 2 for k in range(bits)) ** 0.5
            scores = []
            for j in range(y.shape[1]):
                cosine = sum(v[i, k] * method.codewords[j, k] for k in range(bits)) / (norm * bits**0.5)
                scores.append(5.0 * (cosine - 0.3 * y[i, j]))
            for j in range(y.shape[1]):
                p = torch.exp(scores[j]) / sum(torch.exp(score) for score in scores)
                total = total - y[i, j] / y[i].sum() * torch.log(p)
        return total / b

    equals_slow_loop(method, slow, labels)


def test_cosines_one_and_zero(build, value):
    method = build(OrthoHash, num_classes=2, s=8.0, m=0.2)
    method.codewords.copy_(torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1]]))
    assert value(method, [[2.0] * 4], [0]) == pytest.approx(1.6601784e-3, rel=1e-6)


def minimum_distance(book):
    distances = (book.shape[1] - book @ book.T) / 2 + book.shape[1] * torch.eye(len(book))
    return float(distances.min())


@pytest.mark.parametrize(("num_classes", "bits", "least"), [(10, 16, 7), (10, 32, 15), (10, 64, 32), (100, 64, 23)])
def test_separated_codebook(num_classes, bits, least):
    book = separated_codebook(num_classes, bits, torch.Generator().manual_seed(0))
    assert book.shape == (num_classes, bits)
    assert set(book.unique().tolist()) == {-1.0, 1.0}
    assert minimum_distance(book) >= least


@pytest.mark.parametrize(("num_classes", "bits", "start"), [(6, 12, 0.61), (12, 16, 0.5), (4, 24, 0.45)])
def test_separated_codebook_equals_a_slow_loop(num_classes, bits, start):
    generator, kept, bound, failed = torch.Generator().manual_seed(3), [], start, 0
    while len(kept) < num_classes:
        draws = torch.randint(2, (1000, bits), generator=generator).tolist()
        near = [word for word in draws if all(sum(map(ne, word, old)) >= bound * bits - 1e-4 for old in kept)]
        kept += near[:1]
        failed = 0 if near else failed + 1000
        if failed == 2000:
            bound, failed = bound - 0.03, 0
    generator = torch.Generator().manual_seed(3)
    book = separated_codebook(num_classes, bits, generator, start=start, relax=0.03, tries=2000)
    assert torch.equal(book, 2.0 * torch.tensor(kept) - 1)


def test_codewords_are_fair_coins_or_separated_as_asked():
    options = {"bits": 16, "num_classes": 40, "num_train": 9}
    fair = OrthoHash(codebook="bernoulli", **options).codewords
    assert set(fair.unique().tolist()) == {-1.0, 1.0}
    assert 0.4 < (fair > 0).float().mean() < 0.6
    separated = OrthoHash(codebook="separated", **options).codewords
    assert torch.equal(separated, separated_codebook(40, 16, torch.Generator().manual_seed(0)))
    assert minimum_distance(separated) > minimum_distance(fair)


def test_more_classes_than_words_still_gives_a_codebook():
    book = separated_codebook(5, 2, torch.Generator().manual_seed(0), tries=1000)
    assert book.shape == (5, 2)


def test_code_layer_balances_the_bits():
    torch.manual_seed(0)
    layer = OrthoHash(bits=8, num_classes=3, num_train=9).code_layer(20)
    outputs = layer(torch.randn(50, 20) + 3)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    assert float(layer[0].weight.std()) == pytest.approx(0.01, rel=0.2)
    assert layer[0].bias is None
    assert layer[1].momentum == 0.1


def test_unknown_codebook_is_refused_in_one_line():
    with pytest.raises(UserError, match="codebook = 'golden' must be one of bernoulli, separated"):
        OrthoHash(bits=8, num_classes=3, num_train=9, codebook="golden")

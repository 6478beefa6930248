"""From 1000 logits to a benchmark's own classes, against what the benchmarks' own code does, in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import datasets
from robustness.records import NO_CLASS
from robustness.scoring import IMAGENET, Scoring

SPACES = sorted(datasets.SPACES)


def scoring(name: str) -> Scoring:
    space = datasets.SPACES[name]
    return Scoring(space.codes, space.members, space.rule)


def logits(count: int = 200, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 1000, generator=torch.Generator().manual_seed(seed)) * 3


def labels(some: Scoring, count: int = 200) -> torch.Tensor:
    return torch.tensor([some.codes[i % len(some.codes)] for i in range(count)])


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_the_thousand_are_judged_as_they_are() -> None:
    values, wanted = logits(), torch.arange(200)
    verdict = scoring("imagenet").judge(values, wanted)
    assert torch.equal(verdict.pred, values.argmax(1))
    assert torch.equal(verdict.correct, values.argmax(1) == wanted)
    assert torch.equal(verdict.confidence, values.softmax(1).amax(1))
    assert verdict.nll is not None and verdict.brier is not None
    torch.testing.assert_close(verdict.nll, torch.nn.functional.cross_entropy(values, wanted, reduction="none"))
    hot = torch.nn.functional.one_hot(wanted, 1000)
    torch.testing.assert_close(verdict.brier, (values.double().softmax(1) - hot).square().sum(1).float())
    assert verdict.correct5 is not None
    assert torch.equal(verdict.correct5, (values.topk(5).indices == wanted[:, None]).any(1))
    assert verdict.pred_1000way is verdict.correct_1000way is verdict.correct_restricted is None
    assert scoring("imagenet") == IMAGENET and IMAGENET.plain


@pytest.mark.parametrize("name", ["imagenet-a", "imagenet-o", "imagenet-r"])
def test_two_hundred_classes_by_selecting_columns(name: str) -> None:
    some, values = scoring(name), logits()
    wanted = labels(some)
    values[torch.arange(0, 200, 2), wanted[::2]] += 8
    selected = values.numpy()[:, list(some.codes)]  # eval.py: net(data)[:, indices_in_1k]
    verdict = some.judge(values, wanted)
    assert verdict.pred.tolist() == [some.codes[i] for i in selected.argmax(1)]
    np.testing.assert_allclose(verdict.confidence.numpy(), softmax(selected).max(1), rtol=1e-5)
    own, images = softmax(selected), np.arange(200)
    places = np.array([some.codes.index(label) for label in wanted.tolist()])
    assert verdict.nll is not None and verdict.brier is not None
    np.testing.assert_allclose(verdict.nll.numpy(), -np.log(own[images, places]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(verdict.brier.numpy(), np.square(own - np.eye(200)[places]).sum(1), rtol=1e-4, atol=1e-6)
    assert verdict.correct.tolist() == (np.array(some.codes)[selected.argmax(1)] == wanted.numpy()).tolist()
    top5 = np.array(some.codes)[np.argsort(-selected, axis=1)[:, :5]]
    assert verdict.correct5 is not None and verdict.correct_1000way is not None
    assert verdict.correct5.tolist() == (top5 == wanted.numpy()[:, None]).any(1).tolist()
    assert torch.equal(verdict.correct_1000way, values.argmax(1) == wanted)
    assert torch.equal(verdict.correct, verdict.correct_restricted)
    assert 0 < verdict.correct_1000way.sum() < verdict.correct.sum() < 200


@pytest.mark.parametrize("name", ["objectnet", "imagenet-9"])
def test_a_mapped_decision_is_wrong_where_it_maps_to_nothing(name: str) -> None:
    some, values = scoring(name), logits()
    wanted = labels(some)
    class_of = {index: code for code, members in zip(some.codes, some.members, strict=True) for index in members}
    mapped = [class_of.get(index, -1) for index in values.argmax(1).tolist()]
    verdict = some.judge(values, wanted)
    assert verdict.pred.tolist() == mapped and NO_CLASS in mapped
    assert verdict.correct.tolist() == [a == b for a, b in zip(mapped, wanted.tolist(), strict=True)]
    assert torch.equal(verdict.correct, verdict.correct_1000way)
    known = sorted(class_of)
    among = [class_of[known[i]] for i in values[:, known].argmax(1).tolist()]
    assert verdict.correct_restricted is not None
    assert verdict.correct_restricted.tolist() == [a == b for a, b in zip(among, wanted.tolist(), strict=True)]
    assert torch.equal(verdict.confidence, values.softmax(1).amax(1))


def test_sixteen_categories_by_mean_probability() -> None:
    some, values = scoring("sixteen"), logits()
    probabilities = softmax(values.double().numpy())
    means = np.stack([probabilities[:, list(members)].mean(1) for members in some.members], axis=1)
    verdict = some.judge(values, labels(some))
    assert verdict.pred.tolist() == means.argmax(1).tolist()
    np.testing.assert_allclose(verdict.confidence.numpy(), means.max(1), rtol=1e-4)
    assert verdict.correct5 is None and verdict.correct_1000way is None
    assert torch.equal(verdict.pred_1000way, values.argmax(1))


@pytest.mark.parametrize("name", SPACES)
def test_class_logits_decide_as_judged_and_carry_gradients(name: str) -> None:
    some, values = scoring(name), logits(30).requires_grad_()
    scores = some.class_logits(values)
    decided = torch.tensor([*some.codes, NO_CLASS])[scores.argmax(1)]
    assert torch.equal(decided, some.judge(values, labels(some, 30)).pred)
    (gradient,) = torch.autograd.grad(scores[scores.isfinite()].sum(), values)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


@pytest.mark.parametrize("name", SPACES)
def test_a_picture_of_no_class_is_never_right(name: str) -> None:
    some = scoring(name)
    verdict = some.judge(logits(50), torch.full((50,), NO_CLASS))
    assert not verdict.correct.any()
    assert some.positions(torch.tensor([NO_CLASS])).item() == len(some.codes)


@pytest.mark.parametrize("name", SPACES)
def test_positions_are_the_codes_turned_around(name: str) -> None:
    some = scoring(name)
    assert some.positions(torch.tensor(some.codes)).tolist() == list(range(len(some.codes)))
    strangers = sorted(set(range(1000)) - set(some.codes))[:50]
    assert set(some.positions(torch.tensor(strangers, dtype=torch.int64)).tolist()) <= {len(some.codes)}


@given(st.integers(0, 2**31), st.sampled_from(SPACES))
def test_a_shift_of_all_logits_changes_no_decision(seed: int, name: str) -> None:
    values = (logits(3, seed) * 16).round() / 16  # so that adding 1 is exact
    one, two = (scoring(name).judge(shifted, labels(scoring(name), 3)) for shifted in (values, values + 1))
    assert torch.equal(one.correct, two.correct) and torch.equal(one.pred, two.pred)

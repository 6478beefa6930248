import pytest
import torch
from torch import Tensor, nn

from robustness.classifier import ModuleClassifier, Preprocessing
from robustness.errors import RunError

PLAIN = Preprocessing(8, 9, "bilinear", "center", (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))


class Answer(nn.Module):
    """Answers with whatever it was given to say."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer
        self.seen = torch.empty(0)

    def forward(self, images: Tensor) -> object:
        self.seen = images
        return self.answer


def classify(module: nn.Module, images: Tensor) -> Tensor:
    return ModuleClassifier(module, PLAIN, torch.device("cpu"), "fp32")(images)


def test_the_module_sees_normalised_pixels_and_keeps_the_callers() -> None:
    images = torch.rand(2, 3, 8, 8)
    kept, module = images.clone(), Answer(torch.zeros(2, 5))
    classify(module, images)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PLAIN.mean, PLAIN.std))
    assert torch.equal(module.seen, (images - mean) / std)
    assert torch.equal(images, kept)


def test_pictures_of_another_size_are_resized_and_stay_pixels() -> None:
    module = Answer(torch.zeros(2, 5))
    classify(module, torch.rand(2, 3, 20, 20).round())
    assert module.seen.shape == (2, 3, 8, 8)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PLAIN.mean, PLAIN.std))
    pixels = module.seen * std + mean
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6


def test_it_is_frozen_in_eval_mode_and_lets_the_pixels_gradient_through() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 5))
    classifier = ModuleClassifier(module.train(), PLAIN, torch.device("cpu"), "fp32")
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    logits = classifier(images)
    assert torch.equal(logits, classifier(images))
    logits.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert not any(part.training for part in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_low_precision_answers_in_float32() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    images = torch.rand(2, 3, 8, 8)
    exact, rough = (
        ModuleClassifier(module, PLAIN, torch.device("cpu"), precision)(images) for precision in ("fp32", "bf16")
    )
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().max() < 0.05


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((torch.zeros(2, 5), torch.zeros(2, 5)), "returns a tuple"),
        (torch.zeros(2, 5, 7), r"returns shape \(2, 5, 7\)"),
        (torch.zeros(1, 5), r"logits are \[2, K\]"),
    ],
)
def test_anything_but_logits_is_refused(answer: object, sentence: str) -> None:
    with pytest.raises(RunError, match=sentence):
        classify(Answer(answer), torch.rand(2, 3, 8, 8))

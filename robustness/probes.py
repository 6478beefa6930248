"""What in a classifier makes attacks on it untrustworthy, found by asking it about a few clean images.

Athalye et al. 2018, arXiv:1802.00420; Carlini et al. 2019, arXiv:1902.06705; Croce et al. 2022, arXiv:2202.13711, for
the stochastic. What records alone can tell is in `audit`.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from scipy.stats import binomtest
from torch import Tensor, nn
from torch.nn import functional as F

from .attacks import Goal, Victim, build
from .attacks.losses import cross_entropy
from .audit import Finding, Observation
from .classifier import Classifier, Preprocessing
from .condition import Condition
from .scoring import NEVER
from .seeds import generator

SAME = 1e-3  # of the spread of the logits: more than rounding makes of two passes over one batch
SATURATED = 0.1  # of the images: so many may be certain to float32's last digit
LIKELY = 0.05  # significance of twice the steps fooling more
SURE = 1e-3  # significance of a sign test over images
DLR_CLASSES = 4  # of the targeted difference of logits ratio


def audit_classifier(
    model: str,
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    preprocessing: Preprocessing | None = None,
    *,
    network: Classifier | None = None,
    batch_size: int = 128,
    differentiable: bool = True,
) -> list[Finding]:
    """Probe `classifier` with clean images: two forward passes, a backward pass, and one more for normalisation.

    images: float [B,3,H,W] in [0,1], on the classifier's device; some 20 are enough. labels: int64 [B], positions among
    its classes. preprocessing: the normalisation inside; None to leave that check out. network: what the
    classifier is made of, where its classes are not the network's own. differentiable: whether there are gradients to
    look at. Raises RunError when there are none although there should be.
    """
    victim = Victim(classifier, batch_size)
    logits = victim(images)
    observations = [
        *_train_mode(network or classifier),
        *_stochastic(logits, victim(images)),
        *_few_classes(logits),
        *_probabilities(logits),
        *_saturated(logits),
    ]
    if differentiable:
        observations += _gradients(victim.gradient(images, cross_entropy, Goal(labels))[2])
    if preprocessing is not None:
        observations += _normalisation(victim, images, labels, logits, preprocessing)
    return [Finding(name, model, text, severity) for name, text, severity in observations]


def audit_steps(
    model: str,
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    condition: Condition,
    seed: int,
    batch_size: int = 128,
) -> list[Finding]:
    """Run an iterative attack once as it is and once with twice the steps, on images [B,3,H,W] right when clean.

    condition: an untargeted attack with `steps`, such as `pgd(norm=linf,eps=4/255,steps=40)`. The starts are the same.
    It is a finding when more images are gained than lost, by a sign test: a few hard ones always yield to patience.
    """
    params = dict(condition.params)
    steps, goal = int(params["steps"]), Goal(labels)
    fooled = []
    for count in (steps, 2 * steps):
        attack = build(replace(condition, params=tuple((params | {"steps": count}).items())))
        starts = [generator(seed, condition.key, str(index)) for index in range(len(images))]
        found = attack(Victim(classifier, batch_size), images, goal, starts)
        fooled.append(goal.reached(Victim(classifier, batch_size)(found.images)))
    gained, lost = int((fooled[1] & ~fooled[0]).sum()), int((fooled[0] & ~fooled[1]).sum())
    if not gained or binomtest(gained, gained + lost, alternative="greater").pvalue >= LIKELY:
        return []
    before, after = (int(each.sum()) for each in fooled)
    text = (
        f"{condition.key} fools {before} of {len(images)} samples, and {after} with {2 * steps} steps. The "
        "loss is still rising when the attack stops: raise --steps until the figure stands still"
    )
    return [Finding("not-converged", model, text, "warning")]


def compare_weights(model: str, before: str, after: str) -> list[Finding]:
    """Compare two hashes of a model's weights, as of `checkpoints.weights_hash`, from before and after a run."""
    if before == after:
        return []
    text = (
        f"the weights' hash was {before[:12]} before the run and is {after[:12]} now. Something trained the model or "
        "updated its batch statistics while it was measured: the figures belong to no one model"
    )
    return [Finding("weights-changed", model, text, "error")]


def _train_mode(classifier: Classifier) -> Iterator[Observation]:
    module = getattr(classifier, "module", None)
    if isinstance(module, nn.Module) and (
        training := [name or "all" for name, m in module.named_modules() if m.training]
    ):
        text = (
            f"{len(training)} modules are in train mode, first {training[0]}. Dropout and batch statistics make every "
            "figure depend on its batch: call eval() on the module"
        )
        yield "train-mode", text, "error"


def _stochastic(logits: Tensor, again: Tensor) -> Iterator[Observation]:
    difference = float((again - logits).abs().max())
    if difference > SAME * float(logits[logits != NEVER].std()):
        text = (
            f"two passes over the same images give logits that differ by up to {difference:.3g}. Attacks see a model "
            "other than the one that is judged, and the verdict is a matter of luck: switch the randomness off, or "
            "attack and judge its average"
        )
        yield "stochastic", text, "error"


def _few_classes(logits: Tensor) -> Iterator[Observation]:
    if (classes := logits.shape[1]) < DLR_CLASSES:
        text = (
            f"there are {classes} classes. The difference of logits ratio needs {DLR_CLASSES - 1}, and {DLR_CLASSES} "
            "with targets, so AutoAttack is not defined: use apgd-ce, square and fmn"
        )
        yield "few-classes", text, "warning"


def _probabilities(logits: Tensor) -> Iterator[Observation]:
    if bool((logits >= 0).all()) and torch.allclose(
        logits.sum(1), torch.ones(len(logits), device=logits.device), atol=1e-3
    ):
        text = (
            "the outputs are not negative and sum to 1, as probabilities do. The losses of attacks take another "
            "softmax, which flattens their gradients: return the logits"
        )
        yield "probabilities", text, "warning"


def _saturated(logits: Tensor) -> Iterator[Observation]:
    certain = int((logits.softmax(1).amax(1) == 1).sum())
    if certain > SATURATED * len(logits):
        text = (
            f"{certain} of {len(logits)} images are classified with a probability of 1 to the last digit of float32. "
            "The gradient of the cross-entropy is lost to rounding there: attack the difference of logits instead "
            "(apgd-dlr, fab-t, fmn)"
        )
        yield "saturated", text, "warning"


def _gradients(gradients: Tensor) -> Iterator[Observation]:
    flat = gradients.flatten(1)
    finite = flat.isfinite().all(1)
    for name, lost, what in (
        ("zero-gradients", finite & (flat == 0).all(1), "zero"),
        ("gradients-not-finite", ~finite, "not finite"),
    ):
        if count := int(lost.sum()):
            text = (
                f"the gradient of the cross-entropy is {what} for {count} of {len(flat)} images. Attacks that follow "
                "it stand still there, and the model looks robust: use square, or an attack on the difference of "
                "logits"
            )
            yield name, text, "error"


def _normalisation(
    victim: Victim, images: Tensor, labels: Tensor, logits: Tensor, preprocessing: Preprocessing
) -> Iterator[Observation]:
    """See whether the classifier knows the images better without the normalisation that is stated for it."""
    mean, std = (
        torch.tensor(values, device=images.device).view(1, 3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    bare = victim(images * std + mean)  # which normalisation turns into the images as they are
    right, bare_right = (int((each.argmax(1) == labels).sum()) for each in (logits, bare))
    losses, bare_losses = (F.cross_entropy(each, labels, reduction="none") for each in (logits, bare))
    better = int((bare_losses < losses).sum())
    if bare_right > right and binomtest(better, len(images), alternative="greater").pvalue < SURE:
        text = (
            f"{bare_right} of {len(images)} images are right instead of {right} without the normalisation that is "
            "stated for the model: it has one inside. Every figure is of a model that sees other images than it was "
            "trained on, and a radius is not what it says: state mean 0 and std 1"
        )
        yield "normalised-twice", text, "error"

"""What an attack is after: any class but the right one, or one that was chosen for the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ..errors import UsageError
from ..scoring import NEVER

Where = Tensor | slice  # bool [B] or int64 indices


@dataclass(frozen=True, slots=True)
class Goal:
    """The aim for each image of a batch.

    labels: int64 [B], the right class. targets: int64 [B], the class that the classifier is to be brought to, none of
    them the label; None for an attack that is content with any class but the label. elsewhere: whether a network other
    than the attacked one decides, so that nothing on the way is a success and the attack goes on to its end.
    """

    labels: Tensor
    targets: Tensor | None = None
    elsewhere: bool = False

    def reached(self, logits: Tensor) -> Tensor:
        """Say which images of logits [B,K] are where the attack wants them: bool [B]."""
        if self.elsewhere:
            return torch.zeros_like(self.labels, dtype=torch.bool)
        decided = logits.argmax(1)
        return decided != self.labels if self.targets is None else decided == self.targets

    def __getitem__(self, where: Where) -> "Goal":
        """Return the goals of some of the images."""
        return replace(self, labels=self.labels[where], targets=None if self.targets is None else self.targets[where])

    @staticmethod
    def joined(goals: Sequence["Goal"]) -> "Goal":
        """Put goals together, one after the other; all of them have targets, or none, and are decided alike."""
        targets = [goal.targets for goal in goals if goal.targets is not None]
        labels = torch.cat([goal.labels for goal in goals])
        return replace(goals[0], labels=labels, targets=torch.cat(targets) if targets else None)

    def to(self, device: torch.device) -> "Goal":
        """Return the goals on another device."""
        targets = None if self.targets is None else self.targets.to(device)
        return replace(self, labels=self.labels.to(device), targets=targets)

    def __len__(self) -> int:
        return len(self.labels)


# (clean logits [B,K], labels int64 [B], one CPU generator an image) → targets int64 [B], none of them the label
TargetRule = Callable[[Tensor, Tensor, Sequence[Generator]], Tensor]


def least_likely(logits: Tensor, labels: Tensor, _generators: Sequence[Generator]) -> Tensor:
    """Choose the class with the smallest logit that the network knows: Kurakin et al. 2017, arXiv:1607.02533."""
    return logits.masked_fill(~_others(labels, logits), torch.inf).argmin(1)


def runner_up(logits: Tensor, labels: Tensor, _generators: Sequence[Generator]) -> Tensor:
    """Choose the largest logit beside the label's: the easiest target."""
    return logits.masked_fill(~_others(labels, logits), -torch.inf).argmax(1)


def random_class(logits: Tensor, labels: Tensor, generators: Sequence[Generator]) -> Tensor:
    """Draw evenly from the classes other than the label that the network knows."""
    choices = [others.nonzero()[:, 0] for others in _others(labels, logits)]
    draws = [
        int(known[torch.randint(len(known), (), generator=generator)])
        for known, generator in zip(choices, generators, strict=True)
    ]
    return torch.tensor(draws, dtype=torch.int64, device=labels.device)


def _others(labels: Tensor, logits: Tensor) -> Tensor:
    """Say which classes may be targets, those that the network knows but for the label: bool [B,K]."""
    return (logits != NEVER).scatter(1, labels[:, None], False)


TARGET_RULES: dict[str, TargetRule] = {"least-likely": least_likely, "runner-up": runner_up, "random": random_class}


def target_rule(name: str) -> TargetRule:
    """Find a rule by name. Raises UsageError for an unknown one."""
    if name not in TARGET_RULES:
        raise UsageError(f"--targeted {name!r} is no rule for targets; known: {', '.join(TARGET_RULES)}")
    return TARGET_RULES[name]

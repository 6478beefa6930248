"""From a classifier's 1000 logits to a benchmark's own classes: which class is decided for, and how surely.

ImageNet-A and -R are scored among their 200 classes only, ObjectNet and ImageNet-9 map the decision among all 1000,
cue-conflict averages probabilities over 16 categories: each by its authors' evaluation code.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from .classifier import Classifier
from .records import NO_CLASS, Verdict

CLASSES = 1000
NEVER = -8192.0  # the logit of a class that the network does not know: below any real one, finite, exact in 16 bits
Rule = Literal["1000-way", "restricted", "mean"]


@dataclass(frozen=True)
class Scoring:
    """How logits are read as a decision for one of K classes.

    codes: the label by which records name each class. members: the logits 0-999 that stand for it, each for one class
    at most. rule: what the benchmark's own code does: "1000-way" takes the class of the largest of all logits, and
    decides for no class where that is no member; "restricted" takes the class of the largest logit among the members;
    "mean" takes the class whose members have the largest mean probability.
    """

    codes: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    rule: Rule

    @cached_property
    def plain(self) -> bool:
        """Whether the classes are the 1000 of ImageNet-1k, so that there is nothing to translate."""
        return self.members == tuple((index,) for index in range(CLASSES)) and self.codes == tuple(range(CLASSES))

    @cached_property
    def class_of_logit(self) -> Tensor:
        """For each logit the position of its class, K for none: int64 [1000]."""
        positions = torch.full((CLASSES,), len(self.codes))
        for position, members in enumerate(self.members):
            positions[list(members)] = position
        return positions

    def class_logits(self, logits: Tensor, rule: Rule | None = None) -> Tensor:
        """Turn logits [B,1000] into scores of the classes, whose argmax is the decision; differentiable.

        rule: the benchmark's own if None. Returns [B,K], or [B,K+1] where the last column stands for no class at all.
        """
        rule = rule or self.rule
        if self.plain:
            return logits
        where = self.class_of_logit.to(logits.device)
        if rule == "mean":
            members = torch.zeros(CLASSES, len(self.codes) + 1, device=logits.device)
            members[torch.arange(CLASSES, device=logits.device), where] = 1
            members /= members.sum(0).clamp_(min=1)
            return (logits.softmax(1) @ members)[:, :-1].clamp(min=torch.finfo(logits.dtype).tiny).log()
        best = logits.new_full((len(logits), len(self.codes) + 1), -torch.inf)
        best = best.scatter_reduce(1, where.expand(len(logits), -1), logits, "amax")
        return best[:, : len(self.codes)] if rule == "restricted" else best

    def classifier(self, classifier: Classifier) -> Classifier:
        """Return `classifier` as one of these classes: pixels → class logits."""
        return classifier if self.plain else lambda images: self.class_logits(classifier(images))

    def positions(self, labels: Tensor) -> Tensor:
        """Turn labels as recorded into positions among the classes: int64 [B], K for a label that is none of them."""
        table = torch.full((max(self.codes) + 2,), len(self.codes))
        table[list(self.codes)] = torch.arange(len(self.codes))
        return table[labels.clamp(max=len(table) - 1)]  # NO_CLASS, -1, is the last entry

    def judge(self, logits: Tensor, labels: Tensor) -> Verdict:
        """Read the verdicts off logits [B,1000] for labels [B] as recorded; NO_CLASS for a picture of none.

        Confidence is the softmax probability of the decision: among all 1000 logits, the members alone ("restricted"),
        or the mean of the class ("mean"). "Among the first five", likelihood and Brier score are told by the same
        logits; a mean has no such things, and classes of several logits no likelihood.
        """
        logits, labels = logits.detach().float().cpu(), labels.cpu()
        wanted = self.positions(labels)
        scores = self.class_logits(logits)
        decided = scores.argmax(1)
        codes = torch.tensor([*self.codes, NO_CLASS])
        first = logits.argmax(1)
        labelled = wanted < len(self.codes)
        facts: dict[str, Any] = {"pred": codes[decided], "correct": (decided == wanted) & labelled}
        if self.rule == "mean":
            facts |= {"confidence": scores.amax(1).exp(), "correct5": None, "pred_1000way": first}
            return Verdict(**facts)
        members = self.class_of_logit < len(self.codes)
        among = logits if self.rule == "1000-way" else logits.masked_fill(~members, -torch.inf)
        top5 = self.class_of_logit[among.topk(5).indices]
        probabilities = among.softmax(1)
        facts |= {"confidence": probabilities.amax(1), "correct5": (top5 == wanted[:, None]).any(1)}
        if all(len(own) == 1 for own in self.members):
            label = torch.tensor([*(own for (own,) in self.members), 0])[wanted][:, None]  # of no class: any
            facts["nll"] = -among.log_softmax(1).gather(1, label)[:, 0]
            brier = 1 - 2 * probabilities.gather(1, label)[:, 0] + probabilities.square().sum(1)
            facts["brier"] = brier.clamp_(min=0)  # rounding may go below
        if not self.plain:
            restricted = self.class_logits(logits, "restricted").argmax(1) == wanted
            facts |= {
                "pred_1000way": first,
                "correct_1000way": self.class_of_logit[first] == wanted,
                "correct_restricted": restricted,
            }
        return Verdict(**facts)


IMAGENET = Scoring(tuple(range(CLASSES)), tuple((index,) for index in range(CLASSES)), "1000-way")

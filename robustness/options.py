"""The flags of the command as one typed object; code that wants what the command does fills the same object."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import CoercionError, Group, Parameter, Token, convert

from .attack_flags import AttackFlags
from .classifier import Precision

MODEL = Group.create_ordered("Model")
DATA = Group.create_ordered("Data")
MEASURES = Group.create_ordered("What to measure")
ATTACK = Group.create_ordered("Attacks")
COMPUTING = Group.create_ordered("How to compute")
OUTPUT = Group.create_ordered("Output")
LISTS = Group.create_ordered("Lists, plans and help")


def _split(_type: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Read `a,b` and repeated flags alike."""
    return tuple(part.strip() for token in tokens for part in str(token.value).split(",") if part.strip())


def _whole(kind: Any, tokens: Sequence[Token]) -> Any:
    """Read a whole number, or a word where there is one; cyclopts by itself would round."""
    read = convert(kind, tokens)
    for token in tokens:
        if isinstance(read, int) and "." in token.value and float(token.value) != read:
            raise CoercionError(token=token, target_type=int)
    return read


_EMPTY = Parameter(negative="", show_default=False)
_WHOLE = Parameter(converter=_whole)
Repeated = Annotated[tuple[str, ...], _EMPTY, Parameter(n_tokens=1, accepts_keys=False)]
Listed = Annotated[tuple[str, ...], _EMPTY, Parameter(n_tokens=1, converter=_split, accepts_keys=False)]
Switch = Annotated[bool, _EMPTY]
Whole = Annotated[int, _WHOLE]
WholeIfAny = Annotated[int | None, _WHOLE]
WholeOrAuto = Annotated[int | Literal["auto"], _WHOLE]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that a run can be asked for; the defaults ask for the demo."""

    model: Annotated[Repeated, Parameter(group=MODEL)] = ()
    """A model to evaluate; repeat it to compare. pit_s and sisters, any timm name, efficientnet_lite0 (bundled)."""
    checkpoint: Annotated[Path | None, Parameter(group=MODEL)] = None
    """Weights for the one --model given: .pth, .pt or .safetensors, loaded strictly."""
    random_weights: Annotated[Switch, Parameter(group=MODEL)] = False
    """Run without trained weights; stamped on every output."""

    data: Annotated[str | None, Parameter(group=DATA)] = None
    """The data for the suites given: a folder, archives, a folder of parquet files or shards, hf://org/name."""
    data_root: Annotated[Path | None, Parameter(group=DATA)] = None
    """Where all data sets live, found by their usual names; else $ROBUSTNESS_DATA."""
    sample: Annotated[Switch, Parameter(group=DATA)] = False
    """Use the 20 bundled photographs."""
    limit: Annotated[WholeIfAny, Parameter(group=DATA)] = None
    """Only the first N samples of a fixed order that mixes classes."""
    decode: Annotated[Literal["fast", "pillow"], Parameter(group=DATA)] = "fast"
    """Decode and resize fast, at most two grey levels from Pillow, or exactly as Pillow does."""

    suite: Annotated[Listed, Parameter(group=MEASURES)] = ()
    """A benchmark to run (--list-suites), or `all`; repeat it for several."""
    attack: Annotated[Listed, Parameter(group=MEASURES)] = ()
    """An attack to run (--list-attacks); repeat it for several."""
    jpeg: Annotated[bool, Parameter(group=MEASURES)] = True
    """Store corrupted images as JPEG of quality 85, as the published ImageNet-C did, or keep them in memory."""
    preprocessing: Annotated[Literal["benchmark", "model"], Parameter(group=MEASURES)] = "benchmark"
    """Prepare the pictures of ImageNet-A, -O, -R, -Sketch and ObjectNet as their authors do or as the model states."""
    seed: Annotated[Whole, Parameter(group=MEASURES)] = 0
    """Of everything random."""

    norm: Annotated[Literal["linf", "l2", "l1"] | None, Parameter(group=ATTACK)] = None
    """What the radius is a length in; linf if not given."""
    eps: Annotated[Listed, Parameter(group=ATTACK)] = ()
    """Radii, pixels in [0, 1]: 4/255, or 1/255,2/255,4/255 for a curve."""
    steps: Annotated[WholeIfAny, Parameter(group=ATTACK)] = None
    """Steps of an iterative attack (pgd: 40)."""
    step_size: Annotated[str | None, Parameter(group=ATTACK)] = None
    """Length of a step (pgd: eps/4)."""
    restarts: Annotated[WholeIfAny, Parameter(group=ATTACK)] = None
    """Random restarts (pgd: 1)."""
    targeted: Annotated[Literal["least-likely", "runner-up", "random"] | None, Parameter(group=ATTACK)] = None
    """Bring each image to a class of its own."""
    surrogate: Annotated[Repeated, Parameter(group=ATTACK)] = ()
    """Make the attacks on this model and judge them on the others; repeat it for a transfer matrix."""
    fixed_batches: Annotated[Switch, Parameter(group=ATTACK)] = False
    """Fill up every batch of an attack, so that its rounding does not depend on how many images are left; slower."""

    device: Annotated[str, Parameter(group=COMPUTING)] = "auto"
    """auto, cpu, cuda or cuda:1."""
    precision: Annotated[Precision, Parameter(group=COMPUTING)] = "fp32"
    """Arithmetic of the model; under bf16 and fp16 attacks and their verdicts stay in fp32."""
    compile: Annotated[Switch, Parameter(group=COMPUTING)] = False
    """Translate the model with torch.compile: a minute or more at the start, then faster."""
    batch_size: Annotated[WholeOrAuto, Parameter(group=COMPUTING)] = "auto"
    """Images a forward pass, halved when memory runs out; changes the speed and nothing else."""
    workers: Annotated[WholeOrAuto, Parameter(group=COMPUTING)] = "auto"
    """Threads that decode images."""
    keep_going: Annotated[Switch, Parameter(group=COMPUTING)] = False
    """Count samples whose logits are not finite as wrong and as failures, instead of stopping; not under attack."""
    profile: Annotated[Switch, Parameter(group=COMPUTING)] = False
    """Print where the time went; on a GPU the run is slower for it."""

    out: Annotated[Path, Parameter(group=OUTPUT)] = Path("results")
    """Where runs are kept."""
    name: Annotated[str | None, Parameter(group=OUTPUT)] = None
    """The run's folder below --out; a run that is there resumes. Default: the same command's run, or a new one."""
    fresh: Annotated[Switch, Parameter(group=OUTPUT)] = False
    """Start over instead of resuming."""
    repair: Annotated[Switch, Parameter(group=OUTPUT)] = False
    """Look for damaged parts of the run's records, put them aside and do them again."""
    fold: Annotated[Path | None, Parameter(group=OUTPUT)] = None
    """Make the scores and reports of this run's folder anew from its records, and do nothing else."""
    formats: Annotated[Listed, Parameter(group=OUTPUT, show_default=",".join)] = ("csv", "markdown", "html")
    """Reports to write, of csv, markdown, html, latex, json, model-card."""
    max_failures: Annotated[Whole, Parameter(group=OUTPUT)] = 0
    """Unreadable samples that are accepted before the exit code is 1."""

    config: Annotated[Path | None, Parameter(group=LISTS)] = None
    """A YAML file with these names; the command line overrides it."""
    dry_run: Annotated[Switch, Parameter(group=LISTS)] = False
    """Print the plan and stop."""
    list_models: Annotated[Switch, Parameter(group=LISTS)] = False
    """Print the names that --model takes, and stop."""
    list_suites: Annotated[Switch, Parameter(group=LISTS)] = False
    """Print the suites, what each measures and who published it, and stop."""
    list_attacks: Annotated[Switch, Parameter(group=LISTS)] = False
    """Print the attacks and the flags that each takes, and stop."""
    list_corruptions: Annotated[Switch, Parameter(group=LISTS)] = False
    """Print the corruptions, and stop."""

    @property
    def attack_flags(self) -> AttackFlags:
        """The flags that shape attacks."""
        return AttackFlags(
            self.norm, self.eps, self.steps, self.step_size, self.restarts, self.targeted, tuple(self.surrogate)
        )

    @property
    def chooses_nothing(self) -> bool:
        """Whether the run is the demo: no model, suite, attack or data was asked for."""
        return not (self.model or self.suite or self.attack or self.data or self.sample or self.checkpoint)

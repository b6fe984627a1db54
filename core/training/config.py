"""What a training run is made of: checked once, written to `config.json`, read on resume."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from core.data.folds import parse_fold
from core.errors import RunError
from core.files import parse_json
from core.models.card import HEADS, read_card
from core.training.augment import AugmentConfig
from core.training.mixing import Mixing

STARTS: Final = ("random", "imagenet", "hed")
"""Starts that have a name; any other is a folder. See `core.training.initialise`."""

VIEWS: Final = ("drawn", "plain")
"""What teachers may be shown; see `TrainConfig.teacher_sees`."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run.

    Attributes:
        model: Name in the registry.
        manifest: Path of `manifest.csv`.
        root: Dataset root, where it isn't the one that the manifest names.
        labels: Class keys in output order; the trainer fills them in from the manifest.
        epochs: Number of passes over the training split.
        learning_rate: Peak learning rate of Adam.
        batch_size: Slices a step.
        size: Side of the model input in pixels.
        init: One of `STARTS`, or the path of a published model or a run.
        teacher: Folders of published models or runs, separated by commas, whose mean answer is
            learned as well; empty for the labels alone.
        teacher_share: Weight of their answer, in 0 to 1; the label's is the rest.
        teacher_sees: `drawn`, every slice as the student sees it, anew in each step; or `plain`,
            every training slice once, as it is (both views, by whom that was published for): an
            epoch is faster for it, but what a lesion was moved into or out of, or what is blended,
            has its label alone.
        head: `lesion`, `fine` or `average`; see `core.models.head`.
        schedule: `cosine` (after a linear warm-up) or `constant`.
        warmup_epochs: Epochs of linear warm-up of the cosine schedule.
        averaging: Momentum of the weight average that is validated and kept; 0 turns it off.
            In a short training it is lower, so that the average spans a third of the steps.
        clip_norm: Largest global gradient norm; 0 turns clipping off.
        dropout: Rate in the head, in 0 to 1.
        lesion_weight: Weight of the lesion map's loss beside the cross-entropy.
        place_weight: Weight, within that loss, of what keeps the attention inside the boxes.
        class_weights: Whether the loss weighs classes inversely to how many training slices they
            have. For `balance` 0: what is drawn equally often would be corrected twice.
        patience: Epochs without a better validation loss before the run stops early; 0 never.
        precision: `auto`, `float32` or `mixed_bfloat16`.
        freeze: What keeps its weights: `base` (all but the head), the name of a layer (it and
            everything before it), or nothing.
        head_epochs: Epochs with the frozen part (`base` without `freeze`) before fine-tuning;
            0 keeps `freeze` to the end.
        fine_tune_from: Name of the first layer that fine-tuning trains; empty trains all.
        fine_tune_rate: Peak learning rate of fine-tuning; 0 takes a tenth of `learning_rate`.
        feature_variants: Disturbed variants of the training slices whose frozen features are
            kept on disk; 0 computes the frozen part anew in every step.
        fold: Which fold of the validation split validates, such as `1/2`; the others are trained
            on as well. Empty: all of it validates. See `core.data.folds`.
        seed: Seed of weights, draws and augmentation; see `next_seed`.
        augmentation: Ranges of the disturbances.
        mixing: How slices are drawn, and how often lesions are moved.
    """

    model: str
    manifest: str
    root: str | None = None
    labels: tuple[str, ...] = ()
    epochs: int = 30
    learning_rate: float = 5e-4
    batch_size: int = 32
    size: int = 128
    init: str = "random"
    teacher: str = ""
    teacher_share: float = 0.5
    teacher_sees: str = "drawn"
    head: str = "lesion"
    schedule: str = "cosine"
    warmup_epochs: float = 1.0
    averaging: float = 0.998
    clip_norm: float = 5.0
    dropout: float = 0.4
    lesion_weight: float = 1.0
    place_weight: float = 0.0
    class_weights: bool = False
    patience: int = 0
    precision: str = "auto"
    freeze: str = ""
    head_epochs: int = 0
    fine_tune_from: str = ""
    fine_tune_rate: float = 0.0
    feature_variants: int = 2
    fold: str = ""
    seed: int = 0
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)
    mixing: Mixing = field(default_factory=Mixing)

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            RunError: If a value breaks its rule.
        """
        rules = (
            ("epochs", "at least 1", self.epochs >= 1),
            ("learning_rate", "above 0 and at most 1", 0.0 < self.learning_rate <= 1.0),
            ("batch_size", "1 to 1024", 1 <= self.batch_size <= 1024),
            ("size", "a multiple of 16 from 16 to 512", self.size in range(16, 513, 16)),
            ("head", "lesion, fine or average", self.head in HEADS),
            (
                "head",
                "lesion or average while the base is frozen, whose fine map would never learn",
                self.head != "fine" or (self.freeze != "base" and not self.head_epochs),
            ),
            ("schedule", "cosine or constant", self.schedule in ("cosine", "constant")),
            ("averaging", "0 to below 1", 0.0 <= self.averaging < 1.0),
            ("dropout", "0 to below 1", 0.0 <= self.dropout < 1.0),
            ("patience", "0 or more", self.patience >= 0),
            ("place_weight", "0 to 100", 0.0 <= self.place_weight <= 100.0),
            ("head_epochs", "0 to below epochs", 0 <= self.head_epochs < self.epochs),
            ("fine_tune_rate", "0 to 1", 0.0 <= self.fine_tune_rate <= 1.0),
            ("feature_variants", "0 to 64", 0 <= self.feature_variants <= 64),
            ("teacher_share", "0 to 1", 0.0 <= self.teacher_share <= 1.0),
            ("teacher_sees", "drawn or plain", self.teacher_sees in VIEWS),
            (
                "teacher",
                "for runs that keep no features (--feature-variants 0, or nothing frozen)",
                not self.teacher
                or self.feature_variants == 0
                or not (self.freeze or self.head_epochs),
            ),
            (
                "fine_tune_from",
                "for runs with head_epochs of 1 or more",
                not self.fine_tune_from or self.head_epochs > 0,
            ),
            (
                "precision",
                "auto, float32 or mixed_bfloat16",
                self.precision in ("auto", "float32", "mixed_bfloat16"),
            ),
        )  # fmt: skip
        for name, rule, holds in rules:
            if not holds:
                raise RunError(f"{name} is {rule}. Received: {getattr(self, name)!r}.")
        parse_fold(self.fold)

    @property
    def teachers(self) -> list[Path]:
        """Folders of the teachers."""
        return [Path(name) for name in self.teacher.split(",") if name]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "TrainConfig":
        """Build a configuration from `to_dict`'s result.

        Raises:
            RunError: If a key is unknown or a value breaks its rule.
        """
        values = dict(raw)
        try:
            values["augmentation"] = AugmentConfig(**values.get("augmentation", {}))
            values["labels"] = tuple(values.get("labels", ()))
            values["mixing"] = Mixing(**values.get("mixing", {}))
            return cls(**values)
        except TypeError as error:
            raise RunError(f"config.json holds known settings alone. Received: {error}.") from error


def next_seed(init: str) -> int:
    """Return the seed of a run that starts from `init`, unless it is told another.

    The draws of a run follow from its seed. A run that went on from another with the same one
    would see the very same disturbed slices again, and learn them by heart.

    Args:
        init: See `TrainConfig`.

    Raises:
        RunError: If it is a run whose configuration is broken.
        ModelNotReadyError: If it is a published model whose card is.
    """
    folder = Path(init)
    if (folder / "card.json").is_file():
        raw = read_card(folder).raw
        # A card without it is older: each run that it names took the seed after the one before.
        return 1 + int(raw.get("seed", len(raw.get("earlier_runs", []))))
    return read_config(folder).seed + 1 if (folder / "config.json").is_file() else 0


def read_config(run: Path) -> TrainConfig:
    """Read `config.json` of a run.

    Raises:
        RunError: If it is missing or broken.
    """
    path = run / "config.json"
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            f"A run's folder holds config.json. Received: a folder without it, '{run.name}'."
        ) from error
    except (OSError, ValueError) as error:
        raise RunError("config.json must be readable JSON. Received: a broken file.") from error
    if not isinstance(raw, dict):
        raise RunError(f"config.json is a JSON object. Received: {type(raw).__name__}.")
    return TrainConfig.from_dict(raw)

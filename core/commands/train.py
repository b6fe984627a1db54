"""`train`: a new run, or an old one that goes on."""

import argparse
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from core.commands.arguments import seed
from core.commands.epochs import EpochScreen
from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable
from core.commands.progress import say
from core.errors import RunError
from core.files import write_json
from core.models.card import HEADS
from core.models.registry import get_spec
from core.settings import get_settings
from core.training.augment import AugmentConfig
from core.training.config import VIEWS, TrainConfig, next_seed, read_config
from core.training.mixing import Mixing
from core.training.unseen import next_fold

_CHOICES: Final = {
    "head": HEADS,
    "schedule": ("cosine", "constant"),
    "precision": ("auto", "float32", "mixed_bfloat16"),
    "teacher_sees": VIEWS,
}
_HELP: Final = {
    "epochs": "passes over the training split",
    "learning_rate": "peak learning rate of Adam",
    "batch_size": "slices a step",
    "init": "random, imagenet, hed (VGG16 alone), or the folder of a published model or a run",
    "teacher": "folders of published models or runs, separated by commas, to learn from as well",
    "teacher_share": "weight of the teachers' answer beside the label",
    "teacher_sees": "every slice as it is drawn and disturbed, or each plain slice once, for "
    "faster epochs",
    "seed": "of weights and draws; a run that starts from another takes the one after its",
    "head": "how the last feature map becomes an answer",
    "warmup_epochs": "linear warm-up of the cosine schedule",
    "averaging": "momentum of the weight average; 0 turns it off",
    "clip_norm": "largest gradient norm; 0 turns clipping off",
    "lesion_weight": "weight of the lesion map's loss",
    "place_weight": "weight, within it, of what keeps the attention inside the boxes",
    "class_weights": "weigh rare classes more",
    "patience": "epochs without a better validation before stopping early; 0 never",
    "freeze": "keep weights: base, or a layer's name for it and all before; for the whole run, "
    "or for --head-epochs",
    "head_epochs": "epochs with the frozen part before fine-tuning",
    "fine_tune_from": "first layer that fine-tuning trains; without it, all",
    "fine_tune_rate": "peak learning rate of fine-tuning; 0 takes a tenth",
    "feature_variants": "disturbed variants of each slice whose frozen features are kept on disk; "
    "0 keeps none",
    "fold": "validate on one fold of the validation split, such as 1/2, and train on the others",
    "rotation": "largest angle in degrees",
    "style": "strength of contrast, noise and blur changes, 0 to 1",
    "invert": "probability of inverted grey levels",
    "balance": "1 draws classes equally often, 0 slices",
    "paste": "share of tumour-free slices that receive a lesion",
    "small": "share of these lesions that are shrunk, to a third at the least",
    "blend": "share of slices blended with the same place in another sequence",
}
_BY_HAND: Final = ("model", "manifest", "root", "labels", "size", "augmentation", "mixing")
_FILES: Final = ("manifest", "root")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments; what is not given stays absent, so that a resume can tell."""
    unset = argparse.SUPPRESS
    parser.add_argument("--model", metavar="NAME", default=unset, help="name in the registry")
    parser.add_argument("--manifest", metavar="FILE", default=unset, help="the split, see `split`")
    parser.add_argument("--root", metavar="DIR", default=unset, help="dataset root, if elsewhere")
    parser.add_argument(
        "--size", type=int, default=unset, help="side of the input in pixels; default: the model's"
    )
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--resume", action="store_true", help="go on with --out RUN; no other flag is needed"
    )
    _add_fields(parser.add_argument_group("training"), TrainConfig("", ""))
    group = parser.add_argument_group("augmentation")
    _add_fields(group, AugmentConfig())
    group.add_argument(
        "--no-style",
        action="store_true",
        default=unset,
        help="geometry alone: --style 0 --invert 0",
    )
    _add_fields(parser.add_argument_group("drawing of slices"), Mixing())


def run(arguments: argparse.Namespace) -> int:
    """Train, showing the time left, and print the run's folder."""
    config = _resumed(arguments) if arguments.resume else _fresh(arguments)
    folder: Path = arguments.out or _default_folder(config.model)
    check_writable(folder)
    # Imported late, so that wrong flags are refused before TensorFlow loads.
    load_keras()
    from core.training.trainer import Trainer

    with EpochScreen(config.epochs) as screen:
        trainer = Trainer(config, folder, resume=arguments.resume, report=screen.report)
        screen.history = trainer.history
        screen.skip()
        if arguments.resume:
            write_json(folder / "config.json", trainer.config.to_dict())
        say(f"{folder}: {trainer.start}, {trainer.policy}, {trainer.batches.steps} steps an epoch")
        try:
            trainer.fit()
        except KeyboardInterrupt:
            screen.finish()
            if trainer.history:
                say(f"Stopped. To go on: python -m core train --resume --out {folder}")
            raise
    if trainer.best:
        best = trainer.best
        say(f"Best epoch: {best['epoch']:.0f}, validation accuracy {best['val_accuracy']:.4f}")
    print(folder)
    return 0


def _add_fields(group: Any, defaults: TrainConfig | AugmentConfig | Mixing) -> None:
    """Add a flag for each plain field of a configuration."""
    for item in fields(defaults):
        if item.name in _BY_HAND:
            continue
        value, flag = getattr(defaults, item.name), "--" + item.name.replace("_", "-")
        about = _HELP.get(item.name, "")
        if isinstance(value, bool):
            group.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=about)
            continue
        group.add_argument(
            flag,
            type=seed if item.name == "seed" else type(value),
            choices=_CHOICES.get(item.name),
            metavar=None if item.name in _CHOICES else type(value).__name__.upper(),
            default=argparse.SUPPRESS,
            help=f"{about}; default: {value}".removeprefix("; "),
        )


def given(arguments: argparse.Namespace, base: TrainConfig) -> TrainConfig:
    """Return a configuration with the flags that were given laid over it."""
    flags = vars(arguments)

    def chosen(config: Any) -> dict[str, Any]:
        return {f.name: flags[f.name] for f in fields(config) if f.name in flags}

    augmentation = replace(base.augmentation, **chosen(base.augmentation))
    if "no_style" in flags:
        augmentation = replace(augmentation, style=0.0, invert=0.0)
    mixing = replace(base.mixing, **chosen(base.mixing))
    return replace(base, **chosen(base), augmentation=augmentation, mixing=mixing)


def _fresh(arguments: argparse.Namespace) -> TrainConfig:
    missing = [f"--{name}" for name in ("model", "manifest") if name not in arguments]
    if missing:
        raise argparse.ArgumentTypeError(
            f"a new run needs {' and '.join(missing)}; --resume --out RUN goes on with an old one"
        )
    spec = get_spec(arguments.model)
    init = getattr(arguments, "init", "random")
    return given(
        arguments,
        TrainConfig(
            spec.name,
            arguments.manifest,
            size=spec.input_size,
            seed=next_seed(init),
            fold=next_fold(init, Path(arguments.manifest)),
        ),
    )


def _resumed(arguments: argparse.Namespace) -> TrainConfig:
    """Return a run's own configuration, with more epochs if asked."""
    if arguments.out is None:
        raise argparse.ArgumentTypeError("--resume needs --out RUN, the run to go on with")
    kept = read_config(arguments.out)
    wanted = given(arguments, kept)
    for old, new in (
        (kept, wanted), (kept.augmentation, wanted.augmentation), (kept.mixing, wanted.mixing)
    ):  # fmt: skip
        for item in fields(old):
            before, after = getattr(old, item.name), getattr(new, item.name)
            if item.name in ("augmentation", "mixing", "epochs") or before == after:
                continue
            if item.name in _FILES and before and Path(before).resolve() == Path(after).resolve():
                continue
            raise RunError(
                "A resumed run keeps its settings; only --epochs may be raised. "
                f"Received: --{item.name.replace('_', '-')} {after}, the run has {before}."
            )
    if wanted.epochs < kept.epochs:
        raise RunError(
            "A resumed run keeps its settings; only --epochs may be raised. "
            f"Received: --epochs {wanted.epochs}, the run has {kept.epochs}."
        )
    return replace(kept, epochs=wanted.epochs)


def _default_folder(model: str) -> Path:
    folder = get_settings().runs_dir / f"{model}-{time.strftime('%Y%m%d-%H%M%S')}"
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder

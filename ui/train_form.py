"""The form that starts a training run; core checks what it holds and starts the process."""

from pathlib import Path

import streamlit as st

from core.models import registry
from core.settings import get_settings
from core.training import launch
from core.training.config import TrainConfig
from core.training.unseen import next_fold
from core.training.watch import watch_all
from ui import errors
from ui.errors import plain
from ui.language import _, told

NOTHING, BASE, BASE_FIRST = "nothing", "base", "base first"


@st.fragment
def show() -> None:
    """Draw the form; a started run reruns the whole page, which then watches it."""
    manifests = launch.manifests()
    if not manifests:
        st.info(
            _(
                "A training needs a split dataset. Make a clean split on the Dataset page, or with "
                "`python -m core split DIR --out weights/manifest.csv`."
            ),
            icon=":material/dataset:",
        )
        return
    left, right = st.columns(2)
    with left:
        manifest = st.selectbox(
            _("Dataset"),
            manifests,
            format_func=_manifest_name,
            key="train_manifest",
            help=_("Splits made on the Dataset page show here, too."),
        )
        model = st.selectbox(
            _("Model"),
            list(registry.MODELS),
            format_func=lambda name: told(registry.MODELS[name].title),
            key="train_model",
        )
        init = st.selectbox(
            _("Start from"),
            _starts(),
            format_func=_start_name,
            key="train_init",
            help=_(
                "Published weights and earlier runs give what fits; layers that name other "
                "classes start anew."
            ),
        )
        freeze = st.selectbox(
            _("Freeze"),
            (NOTHING, BASE_FIRST, BASE),
            format_func=_freeze_name,
            key="train_freeze",
            disabled=init == "random",
            help=_("Frozen layers keep what they know. A random start has nothing to keep."),
        )
        head_epochs = 0
        if freeze == BASE_FIRST and init != "random":
            head_epochs = int(
                st.number_input(
                    _("Epochs with the frozen base"), 0, None, 3, key="train_head_epochs"
                )
            )
    with right:
        epochs = st.number_input(_("Epochs"), 0, None, 30, key="train_epochs")
        size = st.number_input(
            _("Input size in pixels"),
            0,
            None,
            registry.MODELS[model].input_size,
            16,
            # A model's own size is its default, until somebody chooses another for it.
            key=f"train_size_{model}",
            help=_("A multiple of 16. Half the side takes about a quarter of the time."),
        )
        rate = st.number_input(
            _("Learning rate"), 0.0, None, 5e-4, 1e-4, format="%.6f", key="train_rate"
        )
        batch = st.number_input(_("Batch size"), 0, None, 32, key="train_batch")
    augmentation = st.segmented_control(
        _("Augmentation"),
        list(launch.AUGMENTATIONS),
        format_func=_augmentation_name,
        default="full",
        required=True,
        key="train_augmentation",
        help=_(
            "Full also varies contrast, noise and inverted grey levels, so that the scanner "
            "alone doesn't tell the class."
        ),
    )
    proposed = _free_name(model)
    name = st.text_input(
        _("Name of the run"), key="train_name", placeholder=proposed, max_chars=64
    ).strip()
    if any(run.live for run in watch_all(get_settings().runs_dir)):
        st.info(
            _("A training is under way; two at a time slow each other down."),
            icon=":material/speed:",
        )
    if st.button(_("Start training"), type="primary", icon=":material/play_arrow:"):
        with errors.shown():
            frozen = "" if init == "random" else freeze
            config = TrainConfig(
                model,
                str(manifest.resolve()),
                epochs=int(epochs),
                size=int(size),
                learning_rate=float(rate),
                batch_size=int(batch),
                init=init,
                fold=next_fold(init, manifest),
                freeze="base" if frozen == BASE else "",
                head_epochs=head_epochs,
                augmentation=launch.AUGMENTATIONS[augmentation],
                place_weight=launch.PLACE_WEIGHT,
            )
            launch.start_training(config, name or proposed)
        st.session_state["run_started"] = name or proposed
        st.rerun()


def _manifest_name(path: Path) -> str:
    if path.parent == get_settings().weights_dir:
        return _("The split that GliaLens uses")
    return _("Split “{name}”").format(name=path.parent.name)


def _starts() -> list[str]:
    settings = get_settings()
    cards = settings.weights_dir.glob("*/card.json")
    # What publishing is still writing lies in a hidden folder.
    published = sorted(card.parent for card in cards if not card.parent.name.startswith("."))
    runs = [run.folder for run in watch_all(settings.runs_dir) if run.publishable]
    return ["random", "imagenet", *map(str, published), *map(str, runs)]


def _start_name(start: str) -> str:
    if start == "random":
        return _("Random weights")
    if start == "imagenet":
        return _("ImageNet (downloaded through Keras)")
    folder = Path(start)
    if (folder / "card.json").is_file():
        return _("Published weights: {name}").format(name=folder.name)
    return _("Run: {name}").format(name=folder.name)


def _freeze_name(freeze: str) -> str:
    return {
        NOTHING: _("Nothing: every layer learns"),
        BASE_FIRST: _("All but the head at first, then fine-tune"),
        BASE: _("All but the head, to the end"),
    }[freeze]


def _augmentation_name(key: str) -> str:
    return {"full": _("Full"), "geometry": _("Geometry alone"), "none": _("None")}[key]


def _free_name(model: str) -> str:
    runs_dir = get_settings().runs_dir
    number = 1
    while (runs_dir / f"{model}-{number}").exists():
        number += 1
    return f"{model}-{number}"


def note_started() -> None:
    """Say once that the run of the last click has begun, and await its first epoch."""
    name = st.session_state.pop("run_started", None)
    if name:
        st.session_state["run_awaited"] = name
        st.toast(
            _("{name} has started; it goes on when this tab is closed.").format(name=plain(name)),
            icon=":material/rocket_launch:",
        )

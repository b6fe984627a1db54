"""The pictures behind a confusion cell: by a click on the matrix, or by two pickers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.evaluation.side_by_side import StoredPredictions
from core.imaging.overlay import to_grey_rgb
from core.labels import describe
from core.reading import percent
from core.settings import get_settings
from core.wording import number as written
from ui import cache
from ui.errors import noted, plain
from ui.language import _, ngettext

_PAGE = 8


def on_click(key: str, chart: str, model: str) -> Callable[[], None]:
    """Return what a matrix calls when one of its cells is clicked.

    Args:
        key: Prefix of the pickers' keys, as given to `show`.
        chart: Key of the chart.
        model: Name of the model that the matrix is about.
    """
    return partial(_clicked, key, chart, model)


def _clicked(key: str, chart: str, model: str) -> None:
    points = st.session_state[chart].selection.points
    places = [point.get("customdata") for point in points]
    cells = [p for p in places if isinstance(p, list | tuple) and len(p) == 2]
    if cells:
        row, column = (int(value) for value in cells[-1])
        st.session_state[f"{key}_model"] = model
        st.session_state[f"{key}_true"], st.session_state[f"{key}_said"] = row, column
        st.session_state[f"{key}_page"] = 1


def show(
    key: str,
    stored: dict[str, StoredPredictions],
    title: Callable[[str], str],
    source: str | None = None,
) -> None:
    """Draw the pickers and the pictures of the chosen cell.

    Args:
        key: Prefix of the pickers' keys.
        stored: Predictions by the model's name; not empty.
        title: From a model's name to its title.
        source: If given, slices of this source alone.
    """
    st.markdown(_("**The pictures behind a cell**: click it, or choose it here."))
    with st.container(horizontal=True):
        name = _pick(f"{key}_model", _("Model"), list(stored), title) if len(stored) > 1 else ""
        predictions = stored[name or next(iter(stored))]
        classes = list(range(len(predictions.labels)))

        def named(position: int) -> str:
            return describe(predictions.labels[position]).name

        row = _pick(f"{key}_true", _("True class"), classes, named)
        column = _pick(f"{key}_said", _("Answer"), classes, named, 1)
    confidence = predictions.probabilities.max(axis=1)
    inside = (predictions.y == row) & (predictions.probabilities.argmax(axis=1) == column)
    if source is not None:
        inside &= np.asarray(predictions.sources) == source
    found = np.flatnonzero(inside)
    # The surest answers first: among the wrong ones they are the ones to look at.
    found = found[np.argsort(-confidence[found], kind="stable")]
    st.markdown(
        ngettext(
            "{count} slice of {true} was called {said}.",
            "{count} slices of {true} were called {said}.",
            len(found),
        ).format(count=written(len(found)), true=named(row).lower(), said=named(column).lower())
    )
    if len(found):
        _pictures(key, predictions, found)


def _pick(
    key: str, label: str, options: list[Any], name: Callable[[Any], str], default: int = 0
) -> Any:
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[min(default, len(options) - 1)]
    return st.selectbox(label, options, format_func=name, key=key, width=220)


def _pictures(key: str, predictions: StoredPredictions, found: np.ndarray) -> None:
    pages = -(-len(found) // _PAGE)
    number = 1
    if pages > 1:
        if st.session_state.get(f"{key}_page", 1) > pages:
            st.session_state[f"{key}_page"] = 1
        number = int(st.number_input(_("Page"), 1, pages, key=f"{key}_page", width=160))
        st.caption(_("Page {page} of {pages}, surest first.").format(page=number, pages=pages))
    part = [int(k) for k in found[(number - 1) * _PAGE : number * _PAGE]]
    confidence = predictions.probabilities.max(axis=1)
    root = picture_root(predictions.paths[part[0]])
    if root is None:
        st.info(
            _(
                "The pictures show where the dataset is present: set `GLIALENS_DATA_DIR` to its "
                "folder. Until then, their paths:"
            ),
            icon=":material/folder_open:",
        )
        rows = {
            _("File"): [predictions.paths[k] for k in part],
            _("Confidence"): [float(confidence[k]) for k in part],
        }
        number_column = st.column_config.NumberColumn(format="percent")
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, column_config={_("Confidence"): number_column}
        )
        return
    with st.container(horizontal=True):
        for k in part:
            with st.container(width=150, gap="xsmall"), noted():
                _picture(root, predictions.paths[k], float(confidence[k]))


def _picture(root: Path, path: str, confidence: float) -> None:
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        st.warning(_("{file} isn't there any more.").format(file=plain(path)))
        return
    caption = _("{share} sure").format(share=percent(confidence, 1))
    st.image(
        to_grey_rgb(cache.file_slice(file).pixels),
        caption=f"{caption} · {plain(Path(path).name)}",
        width="stretch",
        alt=_("Slice {name}").format(name=Path(path).name),
    )


def picture_root(path: str) -> Path | None:
    """Return the folder below which a manifest's path lies; None where the data are absent.

    The manifest's own root is looked at first, then the configured data folder and its parent.
    """
    places: list[Path] = []
    manifest = None
    with noted():
        manifest = cache.manifest()
    if manifest is not None:
        places.append(manifest.root)
    data_dir = get_settings().data_dir
    if data_dir is not None:
        places += [data_dir, data_dir.resolve().parent]
    return next((place for place in places if (place / path).is_file()), None)

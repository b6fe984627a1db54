"""Pieces of the Dataset screen: the manifest's splits and the audit's findings."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core import figures
from core.data.manifest import SPLITS, Manifest, count_rows
from core.imaging.overlay import to_grey_rgb
from core.reading import percent
from core.settings import get_settings
from core.wording import number as written
from ui import cache
from ui.dataset_tables import splits_table
from ui.errors import plain, shown
from ui.language import _
from ui.reports import split_name
from ui.widgets import metric_row


def show_manifest(manifest: Manifest) -> None:
    """Draw the splits that the models were trained and tested on."""
    counts = count_rows(manifest.rows)
    groups = len({row.group for row in manifest.rows})
    st.subheader(_("The split that GliaLens uses"))
    metric_row(
        [
            (_("Slices"), written(len(manifest.rows)), None),
            (_("Groups"), written(groups), _("Patients, or sets of twins.")),
            (_("Sources"), str(len(counts)), None),
            (_("Straddling"), str(straddling(manifest)), _("Groups with slices in two splits.")),
        ],
        width=148,
        help_only=True,
    )
    table = splits_table(counts)
    numbers = {
        name: st.column_config.NumberColumn(format="localized") for name in table.columns[2:]
    }
    st.dataframe(table, hide_index=True, column_config=numbers)
    st.plotly_chart(
        figures.class_balance(_named(_per_split(counts))),
        key="balance",
        config={"displaylogo": False},
        alt=_("Number of slices of each class in each split"),
    )
    st.caption(
        _(
            "A group is a patient where the file name tells, a run of neighbouring slices where "
            "the numbering tells, and a set of near-identical pictures always. No group is in two "
            "splits."
        )
    )
    excluded = cache.manifest_meta().get("excluded") or []
    if excluded:
        with st.expander(
            _("Set aside, with reasons: {count}").format(count=written(len(excluded))),
            icon=":material/block:",
        ):
            st.dataframe(pd.DataFrame(excluded), hide_index=True)


def straddling(manifest: Manifest) -> int:
    """Count the groups that have slices in more than one split."""
    splits: dict[str, set[str]] = {}
    for row in manifest.rows:
        splits.setdefault(row.group, set()).add(row.split)
    return sum(len(found) > 1 for found in splits.values())


def _per_split(counts: dict[str, dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for splits in counts.values():
        for split, row in splits.items():
            for label, n in row.items():
                part = total.setdefault(split, {})
                part[label] = part.get(label, 0) + n
    return {split: total[split] for split in SPLITS if split in total}


def _named(counts: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {split_name(split): row for split, row in counts.items()}


def show_audit(audit: dict[str, Any]) -> None:
    """Draw what the audit found in a dataset as it is shipped.

    Args:
        audit: `core.data.audit_report.AuditReport.to_dict`, as read from JSON.
    """
    test = audit.get("test") or {}
    conflicts, unreadable = audit.get("conflicts") or [], audit.get("unreadable") or []
    st.subheader(_("{source} as it is shipped").format(source=plain(audit["source"])))
    cells: list[tuple[str, str, str | None]] = [
        (_("Files"), written(audit["images"]), None),
        (_("Distinct"), written(audit["distinct"]), _("Different pictures, by decoded pixels.")),
        (_("Label conflicts"), written(len(conflicts)), _("Twins that carry different classes.")),
        (_("Unreadable"), written(len(unreadable)), None),
    ]
    if test.get("share") is not None:
        hint = _("Test images with an exact copy or near twin in training.")
        cells.insert(2, (_("Leaking tests"), percent(test["share"]), hint))
    metric_row(cells, width=148, help_only=True)
    if test.get("share"):
        st.warning(
            _(
                "{twins} of the {images} shipped test images have a twin in training, {exact} of "
                "them an exact copy: a score on the shipped split is inflated. That is why "
                "GliaLens splits anew."
            ).format(
                twins=written(test["twin_in_train"]),
                images=written(test["images"]),
                exact=written(test["exact_in_train"]),
            ),
            icon=":material/water_drop:",
        )
    left, right = st.columns([2, 1])
    counts = audit["counts"]
    ordered = {split: counts[split] for split in (*SPLITS, *counts) if split in counts}
    left.plotly_chart(
        figures.class_balance(_named(ordered)),
        key="shipped_balance",
        config={"displaylogo": False},
        alt=_("Number of images of each class in each shipped split"),
    )
    with right:
        _sizes(audit)
    _notes(audit, unreadable)
    show_pairs(audit)


def _sizes(audit: dict[str, Any]) -> None:
    sizes = [
        {_("Size"): k, _("Images"): n} for k, n in list((audit.get("sizes") or {}).items())[:12]
    ]
    modes = [{_("Pixel format"): k, _("Images"): n} for k, n in (audit.get("modes") or {}).items()]
    st.dataframe(pd.DataFrame(sizes), hide_index=True)
    st.dataframe(pd.DataFrame(modes), hide_index=True)


def _notes(audit: dict[str, Any], unreadable: list[dict[str, str]]) -> None:
    if unreadable:
        with st.expander(
            _("Unreadable files: {count}").format(count=len(unreadable)),
            icon=":material/broken_image:",
        ):
            st.dataframe(pd.DataFrame(unreadable), hide_index=True)
    suspected = audit.get("suspected_not_mri") or []
    if suspected:
        with st.expander(
            _("Look like CT, not MRI: {count}").format(count=len(suspected)),
            icon=":material/help:",
        ):
            st.dataframe(pd.DataFrame({_("File"): suspected}), hide_index=True)


def _kinds() -> dict[str, str]:
    return {
        "twins_across": _("Twins across splits"),
        "conflicts": _("Label conflicts"),
        "twins_within": _("Twins within a split"),
    }


def show_pairs(audit: dict[str, Any]) -> None:
    """Draw the gallery of twins: picture beside picture where the files are at hand."""
    kinds = {key: title for key, title in _kinds().items() if audit.get(key)}
    st.subheader(_("Pairs that show the same slice"))
    if not kinds:
        st.success(_("No twins were found."), icon=":material/check:")
        return
    kind = st.segmented_control(
        _("Pairs"),
        list(kinds),
        format_func=lambda k: f"{kinds[k]} ({written(len(audit[k]))})",
        default=next(iter(kinds)),
        required=True,
        key="pairs",
        label_visibility="collapsed",
    )
    exact = st.toggle(_("Leave out exact copies"), key="pairs_near")
    pairs = [pair for pair in audit[kind] if not (exact and pair["exact"])]
    method = audit.get("method") or {}
    st.caption(
        _(
            "Near twins: correlation of the two heads above {limit}; exact copies have identical "
            "pixels."
        ).format(limit=method.get("correlation_above", "?"))
    )
    if not pairs:
        st.info(_("No such pairs."))
        return
    _gallery(pairs, str(audit["source"]))
    with st.expander(_("All pairs as a table"), icon=":material/table:"):
        st.dataframe(pd.DataFrame(pairs), hide_index=True)


@st.fragment
def _gallery(pairs: list[dict[str, Any]], source: str) -> None:
    folder = get_settings().data_dir
    first = locate(folder, source, pairs[0]["first"])
    if first is None:
        st.info(
            _("Set `GLIALENS_DATA_DIR` to the dataset's folder to see the pictures side by side."),
            icon=":material/folder_open:",
        )
        return
    number = 1
    if len(pairs) > 1:
        number = int(st.number_input(_("Pair"), 1, len(pairs), 1, key="pair_number", width=200))
    pair = pairs[number - 1]
    how = _("correlation {value}").format(value=written(pair["correlation"], 3))
    if pair["exact"]:
        how = _("identical pixels")
    st.markdown(
        _("Pair {number} of {count}: {how}").format(
            number=written(number), count=written(len(pairs)), how=how
        )
    )
    for column, side in zip(st.columns(2), ("first", "second"), strict=True):
        path = locate(folder, source, pair[side])
        with column, shown():
            if path is None:
                st.warning(_("{file} isn't there any more.").format(file=plain(pair[side])))
                continue
            picture = to_grey_rgb(cache.file_slice(path).pixels)
            st.image(
                picture,
                caption=plain(pair[side]),
                width="stretch",
                alt=_("Picture {name}").format(name=pair[side]),
            )


def locate(folder: Path | None, source: str, path: str) -> Path | None:
    """Find a file that an audit names: below the data folder, or below its source there.

    Args:
        folder: The configured data folder.
        source: Name of the dataset's folder.
        path: Path relative to the dataset, with forward slashes.

    Returns:
        The file, or None where it isn't there or would lie outside the folder.
    """
    if folder is None:
        return None
    for root in (folder, folder / source):
        candidate = (root / path).resolve()
        if candidate.is_relative_to(folder.resolve()) and candidate.is_file():
            return candidate
    return None

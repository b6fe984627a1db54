"""Making a clean split from the screen, and downloading its manifest."""

from pathlib import Path
from time import strftime

import streamlit as st

from core.data import split_job
from core.data.manifest import count_rows, meta_path, read_manifest, read_meta
from core.data.split_job import MadeSplit
from core.jobs import stop_job
from core.settings import get_settings
from core.wording import number as written
from ui import errors
from ui.dataset_tables import splits_table
from ui.errors import plain
from ui.language import _, ngettext

_SECONDS = 3.0


def show() -> None:
    """Draw the form, what is under way, and what was made."""
    st.subheader(_("Make a clean split"))
    st.markdown(
        _(
            "Exact copies, near twins, neighbouring slices and patients stay together: no picture "
            "and no patient is on both sides. The split that GliaLens uses stays as it is."
        )
    )
    if not get_settings().jobs:
        st.info(_("Starting processes from here is switched off (GLIALENS_JOBS)."))
    else:
        _form()
    running = [made.name for made in split_job.made_splits() if made.state == "running"]
    st.session_state["splits_running"] = running
    st.fragment(_under_way, run_every=_SECONDS if running else None)()
    for made in split_job.made_splits():
        if made.state != "running":
            _result(made)


@st.fragment
def _form() -> None:
    folders = split_job.dataset_folders()
    if not folders:
        st.info(
            _(
                "No dataset is at hand. Set `GLIALENS_DATA_DIR` to a folder with one folder of "
                "images per class, or practise on a drawn one."
            ),
            icon=":material/folder_open:",
        )
        if st.button(_("Draw a practice dataset (synthetic)"), icon=":material/draw:"):
            with errors.shown():
                split_job.draw_practice()
            st.rerun()
        return
    chosen = st.multiselect(
        _("Datasets"), folders, folders[:1], format_func=_folder_name, key="split_folders"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shares = [
            st.number_input(label, 0, 100, value, 5, key=f"split_{key}", width=150)
            for key, label, value in (
                ("train", _("Training, %"), 70),
                ("val", _("Validation, %"), 15),
                ("test", _("Test, %"), 15),
            )
        ]
        seed = st.number_input(_("Seed"), 0, None, 0, key="split_seed", width=150)
    proposed = _free_name()
    name = st.text_input(
        _("Name of the split"), key="split_name", placeholder=proposed, max_chars=64
    ).strip()
    if st.button(_("Split"), type="primary", icon=":material/call_split:"):
        with errors.shown():
            split_job.start_split(
                chosen, [share / 100 for share in shares], int(seed), name or proposed
            )
        st.rerun()


def _folder_name(folder: Path) -> str:
    if folder.name == split_job.PRACTICE:
        return _("Practice dataset (synthetic)")
    return folder.name


def _free_name() -> str:
    taken = {made.name for made in split_job.made_splits()}
    base = f"split-{strftime('%Y%m%d')}"
    names = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _under_way() -> None:
    running = [made for made in split_job.made_splits() if made.state == "running"]
    if [made.name for made in running] != st.session_state.get("splits_running"):
        st.rerun()
    for made in running:
        assert made.job is not None  # noqa: S101 - narrows the type
        with st.container(border=True, key=f"split_live_{made.name}"):
            lines = made.job.lines(1)
            st.progress(
                made.job.share or 0.0,
                text=_("**{name}** is being made.").format(name=plain(made.name)),
            )
            if lines:
                st.caption(plain(lines[0]))
            if get_settings().jobs and st.button(
                _("Stop {name}").format(name=plain(made.name)),
                icon=":material/stop:",
                key=f"split_stop_{made.name}",
            ):
                stop_job(made.job)


def _result(made: MadeSplit) -> None:
    if made.state == "failed":
        reason = (made.job.error if made.job is not None else None) or _(
            "It was stopped before it was done."
        )
        st.error(
            _("**{name}** was not made. {reason}").format(
                name=plain(made.name), reason=plain(reason)
            ),
            icon=":material/error:",
        )
        if st.button(
            _("Clear {name}").format(name=plain(made.name)),
            icon=":material/delete:",
            key=f"split_clear_{made.name}",
        ):
            with errors.shown():
                split_job.forget(made)
            st.rerun()
        return
    title = _("Split “{name}”").format(name=plain(made.name))
    with st.expander(title, icon=":material/call_split:", expanded=False), errors.shown():
        manifest, meta = read_manifest(made.manifest), read_meta(made.manifest)
        groups = len({row.group for row in manifest.rows})
        st.markdown(
            _("{n} slices in {groups} groups; no group is in two splits.").format(
                n=written(len(manifest.rows)), groups=written(groups)
            )
        )
        if any(row.source == split_job.PRACTICE for row in manifest.rows):
            st.badge(_("Synthetic"), icon=":material/draw:", color="orange")
        table = splits_table(count_rows(manifest.rows))
        st.dataframe(table, hide_index=True, key=f"split_table_{made.name}")
        left_out = meta.get("excluded") or []
        if left_out:
            st.caption(
                ngettext(
                    "{count} image is left out; the sidecar says why.",
                    "{count} images are left out; the sidecar says why.",
                    len(left_out),
                ).format(count=written(len(left_out)))
            )
        with st.container(horizontal=True):
            st.download_button(
                _("Manifest (CSV)"),
                made.manifest.read_bytes(),
                f"{made.name}.csv",
                "text/csv",
                icon=":material/download:",
                key=f"split_csv_{made.name}",
                on_click="ignore",
            )
            st.download_button(
                _("Sidecar (JSON)"),
                meta_path(made.manifest).read_bytes(),
                f"{made.name}.meta.json",
                "application/json",
                icon=":material/download:",
                key=f"split_json_{made.name}",
                on_click="ignore",
            )
            st.page_link(
                "pages/4_Training.py", label=_("Train on it"), icon=":material/show_chart:"
            )

"""Watching runs as they train, and stopping, resuming and publishing them."""

from pathlib import Path

import streamlit as st

from core.jobs import Job, stop_job
from core.models import registry
from core.reading import percent
from core.settings import get_settings
from core.training import launch
from core.training.watch import NOT_STARTED, Watched, forget, watch_all
from ui import errors
from ui.errors import plain
from ui.language import _
from ui.runs import state_name
from ui.widgets import duration

_SECONDS = 3.0
_EXTERNAL = "br35h-external"


def busy() -> tuple[str, ...]:
    """Return what is under way: a mark for each training and each publishing.

    A training's mark changes with its first epoch, since the curves can show it from then on.
    """
    found = watch_all(get_settings().runs_dir)
    trainings = [
        f"{run.id}/curves" if run.info is not None and run.info.history else run.id
        for run in found
        if run.live
    ]
    return (*trainings, *(f"{run.id}/publish" for run in found if _publishing(run)))


def _publishing(run: Watched) -> bool:
    return run.publishing is not None and run.publishing.running


def show_live() -> None:
    """Draw what is under way, and again every few seconds until nothing is."""
    now = busy()
    st.session_state["runs_busy"] = now
    st.fragment(_live, run_every=_SECONDS if now else None)()


def _live() -> None:
    if st.session_state.get("runs_busy") != busy():
        # Something began or ended: the lists below have changed as well.
        st.rerun()
    found = [run for run in watch_all(get_settings().runs_dir) if run.live or _publishing(run)]
    if not found:
        return
    st.subheader(_("Under way"))
    for run in found:
        with st.container(border=True, key=f"live_{run.id}"):
            _card(run)


def _card(run: Watched) -> None:
    job = run.training if run.live else run.publishing
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(run.id)}**", width="stretch")
        state = state_name(run.state) if run.live else _("Being published")
        st.badge(state, icon=":material/sync:", color="blue")
    if run.live:
        done = len(run.info.history) if run.info is not None else 0
        total = max(run.epochs, 1)
        st.progress(min(done / total, 1.0), text=_progress_text(run, done))
    last = job.lines(1) if job is not None else []
    if last:
        st.caption(plain(last[0]))
    if not run.live:
        return
    if job is None or not job.running:
        st.caption(_("Started elsewhere: Ctrl-C where it was started stops it."))
    elif not get_settings().jobs:
        st.caption(_("Stopping runs from here is switched off (GLIALENS_JOBS)."))
    elif st.session_state.get(_asked(run)) == job.pid:
        st.caption(_("Stopping: the step under way ends first."))
    elif st.button(
        _("Stop {name}").format(name=plain(run.id)),
        icon=":material/stop:",
        key=f"stop_{run.id}",
        help=_("Finished epochs stay, and the run can be resumed."),
    ):
        stop_job(job)
        st.session_state[_asked(run)] = job.pid
        st.rerun()


def _asked(run: Watched) -> str:
    return f"stop_asked_{run.id}"


def _progress_text(run: Watched, done: int) -> str:
    if run.info is None or not run.epochs:
        return _("Preparing: loading the framework, decoding the slices.")
    text = _("{done} of {total} epochs").format(done=done, total=run.epochs)
    if run.info.history:
        value = run.info.history[-1].get("val_accuracy")
        if isinstance(value, int | float):
            text += " · " + _("validation accuracy {share}").format(share=percent(value, 1))
    left = run.seconds_left
    if left is not None:
        text += " · " + _("about {time} left").format(time=duration(left))
    return text


def show_troubled_starts() -> None:
    """Tell of trainings that ended before they began, each with its sentence."""
    for run in watch_all(get_settings().runs_dir):
        if run.state != NOT_STARTED or run.training is None:
            continue
        with st.container(border=True):
            if run.training.interrupted:
                st.info(
                    _("**{name}** was stopped before its training began.").format(
                        name=plain(run.id)
                    ),
                    icon=":material/stop:",
                )
            else:
                reason = run.training.error or _("The process ended without a word.")
                st.error(
                    _("**{name}** did not start. {reason}").format(
                        name=plain(run.id), reason=plain(reason)
                    ),
                    icon=":material/error:",
                )
            with st.container(horizontal=True):
                if st.button(
                    _("Clear {name}").format(name=plain(run.id)),
                    key=f"clear_{run.id}",
                    icon=":material/delete:",
                ):
                    with errors.shown():
                        forget(run.folder)
                    st.rerun()
            _log(run.training)


def show_manage() -> None:
    """Draw the tools for runs that stand still: resume, publish, read the log."""
    runs = {
        run.id: run
        for run in watch_all(get_settings().runs_dir)
        if run.info is not None and not run.live
    }
    if not runs:
        return
    with st.expander(_("Resume or publish a run"), icon=":material/restart_alt:"):
        name = st.selectbox(_("Run"), list(runs), key="manage_run", persist_state="session")
        run = runs[name]
        _tell(run)
        if not get_settings().jobs:
            st.info(_("Starting processes from here is switched off (GLIALENS_JOBS)."))
            return
        left, right = st.columns(2, gap="large")
        with left:
            _resume(run)
        with right:
            _publish(run)


def _tell(run: Watched) -> None:
    assert run.info is not None  # noqa: S101 - narrows the type
    state = state_name(run.state)
    if run.state in ("stopped", "interrupted") and not run.resumable:
        state = _("Stopped before its first epoch ended")
    epochs = _("{done} of {total} epochs").format(
        done=len(run.info.history), total=run.epochs or "?"
    )
    st.markdown(f"{state} · {epochs}")
    if run.training is None:
        return
    if run.training.error:
        st.error(plain(run.training.error), icon=":material/error:")
    _log(run.training)


def _log(job: Job) -> None:
    lines = job.lines()
    if lines:
        with st.popover(_("Log"), icon=":material/description:"):
            st.code("\n".join(lines), language=None, wrap_lines=True)


def _resume(run: Watched) -> None:
    assert run.info is not None  # noqa: S101 - narrows the type
    st.markdown(_("**Resume**"))
    if not run.resumable:
        st.caption(_("A run can be resumed once an epoch has finished."))
        return
    least = max(run.epochs, 1)
    finished = len(run.info.history) >= run.epochs
    epochs = st.number_input(
        _("Epochs in all"),
        0,
        None,
        least + 5 if finished else least,
        key=f"resume_epochs_{run.id}",
        help=_("Every other setting stays what it was."),
    )
    if st.button(_("Resume"), icon=":material/play_arrow:", key=f"resume_{run.id}"):
        with errors.shown():
            launch.resume_training(run.folder, int(epochs))
        st.session_state.pop(_asked(run), None)
        st.session_state["run_started"] = run.id
        st.rerun()


def _publish(run: Watched) -> None:
    assert run.info is not None  # noqa: S101 - narrows the type
    st.markdown(_("**Publish**"))
    if not run.publishable:
        st.caption(_("A run can be published once an epoch has finished."))
        return
    model = str(run.info.config.get("model", ""))
    settings = get_settings()
    name = st.text_input(
        _("Name below the weights folder"),
        value=model if not (settings.weights_dir / model).exists() else run.id,
        key=f"publish_name_{run.id}",
        max_chars=64,
        help=_(
            "The dashboard reads the names of its models ({names}); other names can be a start "
            "for further runs."
        ).format(names=", ".join(registry.MODELS)),
    ).strip()
    taken = bool(name) and (settings.weights_dir / name / "card.json").is_file()
    agreed = not taken or st.checkbox(
        _("Replace the published {name}").format(name=plain(name)), key=f"replace_{run.id}"
    )
    external = _external_folder()
    with_external = external is not None and st.checkbox(
        _("With the external check ({name})").format(name=_EXTERNAL),
        value=True,
        key=f"external_{run.id}",
    )
    both_views = st.checkbox(
        _("Answer from both views"),
        key=f"mirrored_{run.id}",
        help=_(
            "The mean over a slice and its mirror image: left and right don't matter, and it "
            "takes twice the time."
        ),
    )
    clicked = st.button(
        _("Publish"),
        icon=":material/publish:",
        key=f"publish_{run.id}",
        disabled=not agreed or _publishing(run),
        help=_("Rounds the weights, calibrates them and measures them on the test split."),
    )
    if clicked:
        with errors.shown():
            checked = external if with_external else None
            launch.start_publishing(run.folder, name, checked, mirrored=both_views)
        st.rerun()
    _outcome(run.publishing)


def _outcome(job: Job | None) -> None:
    if job is None or job.running:
        return
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    elif any(line.startswith("Written: ") for line in job.lines(3)):
        st.success(
            _("Published as {name}.").format(name=plain(job.words[2])), icon=":material/check:"
        )
    else:
        st.warning(_("Publishing ended without a word; nothing was replaced."))
    _log(job)


def _external_folder() -> Path | None:
    data_dir = get_settings().data_dir
    folder = data_dir / _EXTERNAL if data_dir is not None else None
    return folder if folder is not None and folder.is_dir() else None

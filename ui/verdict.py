"""The verdict of the Compare screen: how far the models agree, as a badge with sentences."""

from typing import Any

import streamlit as st

from core.consensus import Consensus
from core.labels import describe
from ui.compare import Found
from ui.errors import plain
from ui.language import _, ngettext


def show(found: Found) -> None:
    """Draw the agreement badge with the sentences that belong to it."""
    consensus = found.consensus
    label, icon, colour = _badge(consensus)
    with st.container(border=True):
        st.badge(label, icon=icon, color=colour)
        st.markdown(" ".join(_sentences(found, consensus)))


def _badge(consensus: Consensus) -> tuple[str, str, Any]:
    kind, leader = consensus.kind, consensus.leader
    if leader is None:
        text = ngettext(
            "No diagnosis: the model finds the picture strange",
            "No diagnosis: the models find the picture strange",
            consensus.total,
        )
        return text, ":material/block:", "gray"
    name, votes = plain(describe(leader).name), len(consensus.votes[leader])
    if kind == "alone":
        return _("One model alone"), ":material/person:", "gray"
    if kind == "unanimous":
        text = (
            _("Both models say: {label}")
            if consensus.total == 2
            else _("All {total} models say: {label}")
        ).format(total=consensus.total, label=name)
        sure = len(consensus.committed) == consensus.total
        return text, ":material/handshake:", "green" if sure else "blue"
    if kind in ("majority", "partial"):
        text = ngettext(
            "{votes} of {total} models says: {label}",
            "{votes} of {total} models say: {label}",
            votes,
        ).format(votes=votes, total=consensus.total, label=name)
        return text, ":material/call_split:", "orange"
    return _("The models disagree"), ":material/call_split:", "red"


def _sentences(found: Found, consensus: Consensus) -> list[str]:
    if consensus.kind == "none":
        return [
            _(
                "What the networks compute stands below in grey; they compute something for any "
                "picture."
            )
        ]
    if consensus.kind == "alone":
        return [
            _(
                "Only {model} is ready. One model alone can't disagree: its answer stands here "
                "without a second opinion, and there is no ensemble."
            ).format(model=found.title(found.answers[0].prediction.model))
        ]
    said = []
    if len(consensus.votes) > 1:
        said.append(_who_says_what(found, consensus))
        if not consensus.tumour:
            said.append(_("They differ on whether there is a tumour at all."))
        elif not consensus.strange:
            said.append(_("All see a tumour; they differ on its kind."))
    if consensus.strange:
        said.append(
            ngettext(
                "{models} finds the picture strange and has no vote.",
                "{models} find the picture strange and have no vote.",
                len(consensus.strange),
            ).format(models=", ".join(map(found.title, consensus.strange)))
        )
    missing = consensus.voting - len(consensus.committed)
    if missing:
        said.append(
            ngettext(
                "{count} of the {total} does not commit to its answer.",
                "{count} of the {total} do not commit to their answers.",
                missing,
            ).format(count=missing, total=consensus.total)
        )
    if consensus.voting > 1:
        said.append(
            _(
                "Agreement is no proof: the models learned from the same slices, and may share "
                "their mistakes."
            )
        )
    return said


def _who_says_what(found: Found, consensus: Consensus) -> str:
    parts = [
        _("**{label}** by {models}").format(
            label=plain(describe(key).name), models=", ".join(map(found.title, names))
        )
        for key, names in consensus.votes.items()
    ]
    return "; ".join(parts) + "."

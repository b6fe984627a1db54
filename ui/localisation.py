"""Localisation on the Performance page: does the map point at the tumour, in every class?"""

import streamlit as st

from core.labels import describe
from core.wording import number as written
from ui import reports
from ui.language import _
from ui.performance import Stored
from ui.reports import Report, interval
from ui.widgets import metric_row


def show(report: Report, _stored: Stored) -> None:
    """Draw how well the Grad-CAM meets the known tumour boxes."""
    part = report.get("localisation")
    if not part:
        st.info(_("This report holds no check against tumour boxes."))
        return
    rows = [
        (
            _("Pointing"),
            part["pointing"],
            _("share of Grad-CAMs whose peak lies in the tumour's box"),
        ),
        (_("Energy"), part["energy"], _("share of the Grad-CAM that lies in the box")),
        (
            _("Always the centre"),
            part["centre_baseline"],
            _("pointing without looking at the picture"),
        ),
    ]
    lesion = part.get("lesion_map")
    if lesion:
        same = _("the same of the network's own lesion map")
        rows += [
            (_("Lesion pointing"), lesion["pointing"], same),
            (_("Lesion energy"), lesion["energy"], same),
        ]
    metric_row([(name, interval(figure), origin) for name, figure, origin in rows])
    if found := part.get("per_class"):
        st.markdown(_("**Pointing in each class**"))
        metric_row(
            (
                describe(key).name,
                interval(row["pointing"]),
                _("n = {n}").format(n=written(row["n"])),
            )
            for key, row in found.items()
        )
    st.caption(
        _("Split: {split}, {n} slices with a known box.").format(
            split=reports.split_name(report["split"]), n=written(part["n"])
        )
    )

"""Tables and sentences from a model's `report.json`."""

from typing import TYPE_CHECKING, Any

from core.labels import describe
from core.reading import percent
from core.wording import number as written
from ui.language import _

if TYPE_CHECKING:
    import pandas as pd

Report = dict[str, Any]


def interval(figure: Any, digits: int = 1, share: bool = True) -> str:
    """Return a figure with its 95 % interval.

    Args:
        figure: A number, None, or `{"value", "low", "high"}`.
        digits: Digits after the point; for `share` of the percentage.
        share: Whether to write it as a percentage rather than as a plain number.
    """
    if figure is None:
        return "—"
    scale = 100.0 if share else 1.0
    entry = figure if isinstance(figure, dict) else {"value": figure}
    if entry.get("value") is None:
        return "—"
    text = written(scale * float(entry["value"]), digits)
    if share:
        text = _("{number} %").format(number=text)
    if entry.get("low") is None or entry.get("high") is None:
        return text
    low, high = (written(scale * float(entry[end]), digits) for end in ("low", "high"))
    return f"{text} ({low}–{high})"


def figure_of(entry: dict[str, Any], key: str) -> Any:
    """Return a figure and its interval, or the bare figure of a report from before it had one."""
    return entry.get(f"{key}_interval") or entry[key]


def value(figure: Any) -> float | None:
    """Return the bare number of a figure that may carry its interval."""
    if isinstance(figure, dict):
        figure = figure.get("value")
    return None if figure is None else float(figure)


def metric_name(metric: str) -> str:
    """Return the name of a metric per class for a person."""
    return {
        "precision": _("Precision"),
        "recall": _("Recall (sensitivity)"),
        "specificity": _("Specificity"),
        "f1": _("F1"),
        "roc_auc": _("ROC AUC"),
    }[metric]


def split_name(split: str) -> str:
    """Return a split's name for a person."""
    names = {"train": _("training"), "val": _("validation"), "test": _("test")}
    return names.get(split, split)


def source_of(report: Report) -> str:
    """Return the caption that names the split, its size and what the brackets are."""
    values = {
        "split": split_name(report["split"]),
        "n": written(report["n"]),
        "groups": written(report.get("n_groups") or 0),
        "date": str(report.get("created", ""))[:10],
    }
    return _(
        "Split: {split}, {n} slices in {groups} groups, evaluated {date}. Brackets: 95 % "
        "bootstrap intervals over groups."
    ).format(**values)


def per_class(report: Report) -> "pd.DataFrame":
    """Return one row per class and a last one with the macro averages."""
    entries = {describe(key).name: report["per_class"][key] for key in report["labels"]}
    entries[_("Macro average")] = {"support": report["n"], **report["macro"]}
    rows = [
        {
            _("Class"): name,
            _("Slices"): entry["support"],
            **{
                metric_name(metric): interval(entry[metric], 3, share=False)
                if metric == "roc_auc"
                else interval(entry[metric])
                for metric in ("precision", "recall", "specificity", "f1", "roc_auc")
            },
        }
        for name, entry in entries.items()
    ]
    # Not at the top: the home page draws no table, and its first paint is awaited.
    import pandas as pd

    return pd.DataFrame(rows)


def per_source(report: Report) -> "pd.DataFrame":
    """Return one row per source of the slices."""
    rows = [
        {
            _("Source"): source,
            _("Slices"): row["n"],
            _("Groups"): row.get("n_groups"),
            _("Accuracy"): interval(row.get("accuracy")),
            _("Macro F1"): interval(row.get("macro_f1")),
        }
        for source, row in (report.get("per_source") or {}).items()
    ]
    import pandas as pd

    return pd.DataFrame(rows)


def external_sentence(report: Report) -> str:
    """Return the sentence that explains the gap between the internal and external figures."""
    external = report["external"]
    found = value(external.get("found_at_decision"))
    gap = ""
    recalls = [
        r
        for key, row in report["per_class"].items()
        if describe(key).tumour and (r := value(row.get("recall"))) is not None
    ]
    if found is not None and recalls:
        gap = (
            _(
                "Inside the {split} split {inside} of tumours get their class; of these outside "
                "ones {found} are called a tumour at all."
            ).format(
                split=split_name(report["split"]),
                inside=percent(sum(recalls) / len(recalls)),
                found=interval(external["found_at_decision"]),
            )
            + " "
        )
    return gap + _(
        "In the training data tumour and no-tumour slices come from different origins and "
        "MRI sequences, so part of an internal score can be won by recognising the origin. "
        "{name} shows tumours in the style of the no-tumour pictures, where that "
        "shortcut points the wrong way. The internal figure says how the model does on more of "
        "the same; the external one is closer to what a new hospital would see."
    ).format(name=external["name"])


def headline(report: Report) -> list[tuple[str, str, str]]:
    """Return the headline figures as (name, figure, where it comes from)."""
    split = split_name(report["split"])
    rows = [
        (
            _("Accuracy"),
            interval(report["accuracy"]),
            _("{split} split, n = {n}").format(split=split, n=written(report["n"])),
        )
    ]
    macro = report.get("macro") or {}
    if macro.get("f1") is not None:
        origin = _("{split} split").format(split=split)
        rows.append((_("Macro F1"), interval(macro["f1"]), origin))
    external = report.get("external")
    if external:
        rows.append(
            (
                _("External AUROC"),
                interval(external["auroc"], 3, share=False),
                _("{name}, tumour against no tumour, n = {tumour} + {healthy}").format(
                    name=external["name"],
                    tumour=written(external["n_tumour"]),
                    healthy=written(external["n_notumour"]),
                ),
            )
        )
    within = report.get("within_patient")
    if within:
        rows.append(
            (
                _("Same patients"),
                interval(within["auroc"], 3, share=False),
                _("AUROC, {source}, {patients} patients").format(
                    source=within["source"], patients=written(within["n_patients"])
                ),
            )
        )
    return rows

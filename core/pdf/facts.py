"""What a card says, as rows for print: every figure with its interval and its split."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

from core.models.card import Card
from core.wording import _, mark, told
from core.wording import number as written

Row = tuple[str, str, str, str, str]
FIGURE_COLUMNS: Final = (
    mark("Figure"),
    mark("Measured on"),
    mark("Value"),
    mark("95 % interval"),
    mark("Slices"),
)
_NONE: Final = "–"
_EXTERNAL: Final = {
    "auroc": (mark("Tumour against no tumour (AUROC)"), False),
    "found_at_decision": (mark("Tumours called a tumour"), True),
    "found_at_95_specificity": (mark("Tumours found at 95 % specificity"), True),
    "notumour_kept": (mark("Tumour-free slices called so"), True),
}


def _number(value: Any) -> float | None:
    """Return a finite number as float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def figure_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """Return the headline figures of a card's `metrics` for `FIGURE_COLUMNS`.

    What the card doesn't hold gets no row; a figure without an interval gets a dash.
    """
    return list(_figures(metrics))


def _figures(metrics: Mapping[str, Any]) -> Iterator[Row]:
    test = _mapping(metrics.get("test"))
    split = _("{split} split").format(split=told(str(test.get("split", "test"))))
    for key, name in (
        ("accuracy", _("Accuracy")),
        ("macro_f1", _("Macro F1")),
        ("expected_calibration_error", _("Calibration error (ECE)")),
    ):
        figure = test.get(f"{key}_interval") or test.get(key)
        yield from _row(name, split, figure, share=True)
    external = _mapping(metrics.get("external"))
    for key, (name, share) in _EXTERNAL.items():
        where = _("outside data: {name}").format(name=external.get("name", "external"))
        yield from _row(told(name), where, external.get(key), share=share)
    within = _mapping(metrics.get("within_patient"))
    where = _("same patients, {source}").format(source=within.get("source", split))
    name = _("Tumour against no tumour (AUROC)")
    yield from _row(name, where, within.get("auroc"), share=False)
    pointing = _mapping(metrics.get("localisation")).get("pointing")
    yield from _row(_("Map peaks on the tumour"), split, pointing, share=True)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _row(name: str, where: str, figure: Any, *, share: bool) -> Iterator[Row]:
    """Yield the row of a bare number or of `{"value", "low", "high", "n"}`; none without one."""
    entry = figure if isinstance(figure, Mapping) else {"value": figure}
    value, low, high, n = (_number(entry.get(key)) for key in ("value", "low", "high", "n"))
    if value is None:
        return
    bounds = _NONE
    if low is not None and high is not None:
        bounds = _("{low} to {high}").format(low=_figure(low, share), high=_figure(high, share))
    yield name, where, _figure(value, share), bounds, _NONE if n is None else written(n)


def _figure(value: float, share: bool) -> str:
    if share:
        return _("{number} %").format(number=written(100 * value, 1))
    return written(value, 3)


def card_rows(card: Card) -> list[tuple[str, str]]:
    """Return what a card says of the model and its training as (name, text)."""
    trained = card.trained_on
    sources = [_source(source) for source in _sources(trained.get("sources"))]
    images = _number(trained.get("images"))
    if images is not None:
        sources.insert(0, _("{count} slices in all").format(count=written(images)))
    rows = [
        (
            _("Model"),
            _("{name}: {architecture}, {size} × {size} pixels, version {version} of {date}").format(
                name=card.name,
                architecture=card.architecture,
                size=card.input_size,
                version=card.version,
                date=card.created[:10],
            ),
        ),
        (
            _("Weights"),
            _("SHA-256 {digest}…, started from {start}").format(
                digest=card.sha256[:16], start=card.init
            ),
        ),
        (
            _("Answer"),
            _("the mean over the slice and its mirror image") if card.mirrored else "",
        ),
        (_("Trained on"), "; ".join(sources)),
        (_("Licence of the weights"), card.license),
    ]
    return [(name, text) for name, text in rows if text]


def _sources(value: Any) -> list[Mapping[str, Any]]:
    entries = value if isinstance(value, list | tuple) else ()
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _source(source: Mapping[str, Any]) -> str:
    title = str(source.get("title") or source.get("name") or _("an unnamed source"))
    images = _number(source.get("images"))
    return title if images is None else f"{title}: {written(images)}"

"""Plotly figures from plain data: no interface, no model, no file is touched.

Backgrounds are transparent and no text colour is fixed, so that the page's theme, light or
dark, shows through. Classes keep the names and colours of `core.labels`.
"""

from core.figures.answers import class_balance, probability_bars
from core.figures.confusion import confusion_heatmap
from core.figures.curves import pr_curves, roc_curves
from core.figures.panels import compact_bars
from core.figures.performance import (
    accuracy_coverage,
    reliability_diagram,
)
from core.figures.pictures import faithfulness_curves, zoomable
from core.figures.profile import probability_profile
from core.figures.training import learning_curves

__all__ = [
    "accuracy_coverage",
    "class_balance",
    "compact_bars",
    "confusion_heatmap",
    "faithfulness_curves",
    "learning_curves",
    "pr_curves",
    "probability_bars",
    "probability_profile",
    "reliability_diagram",
    "roc_curves",
    "zoomable",
]

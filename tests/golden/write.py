"""Writes the golden predictions of every published model: `python -m tests.golden.write`.

Run it after weights were published anew; otherwise a difference is a fault.
"""

import os
import sys
from pathlib import Path
from typing import Any

from core import __version__
from core.files import write_json
from core.models import registry
from core.settings import PROJECT_ROOT, get_settings
from tests.golden.slices import golden_slices, prepared_means

FILE = Path(__file__).with_name("predictions.json")


def predictions(name: str) -> dict[str, Any]:
    """Return what the published weights of a model say of the golden slices."""
    from core.inference import load_predictor

    slices = golden_slices()
    predictor = load_predictor(name, PROJECT_ROOT / "weights")
    answers = predictor.predict(list(slices.values()))
    return {
        "sha256": predictor.card.sha256,
        "labels": list(predictor.labels),
        "probabilities": {
            key: [round(float(p), 6) for p in answer.probabilities]
            for key, answer in zip(slices, answers, strict=True)
        },
    }


def main() -> int:
    """Write the file."""
    # The same on every processor: bfloat16 is used only where hardware multiplies it.
    os.environ["GLIALENS_PRECISION"] = "float32"
    get_settings.cache_clear()
    slices = golden_slices()
    ready = [s.name for s in registry.statuses(PROJECT_ROOT / "weights") if s.ready]
    write_json(
        FILE,
        {
            "version": __version__,
            "prepared": prepared_means(slices),
            "models": {name: predictions(name) for name in ready},
        },
    )
    print(f"{FILE.name}: {len(slices)} slices, {', '.join(ready) or 'no model'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

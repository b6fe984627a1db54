"""How much memory a process takes: bare, with the dashboard's imports, and with each model.

Each figure comes from a fresh process that loads what it names, answers one phantom where a
model is involved, and reads its own resident set.

    python -m benchmarks.memory
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.files import write_json
from core.models.registry import statuses

_MEASURE = """
import json, resource, sys
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(peak / (1024 if sys.platform != "darwin" else 1024 * 1024)))
"""
_MODELS = """
from core.data.phantom import draw_phantom
from core.inference import get_predictor
for name in {names!r}:
    get_predictor(name).analyse(draw_phantom(0).slice)
"""
_DEPTH = 200
_VOLUME = """
from core.data.phantom import phantom_volume
from core.inference import get_predictor
get_predictor({name!r}).predict(phantom_volume(0, {depth}, size=256))
"""


def peak_megabytes(body: str) -> float:
    """Run a body in a fresh process and return its peak resident set in MiB."""
    done = subprocess.run(  # noqa: S603 - the bodies stand above
        [sys.executable, "-c", _MEASURE.format(body=body)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    """Measure, print, write `benchmarks/results/memory.json`."""
    ready = [status.name for status in statuses() if status.ready]
    cases = {"python": "", "dashboard, idle": "import streamlit, plotly, pandas, core.inference"}
    cases |= {f"model {name}": _MODELS.format(names=[name]) for name in ready}
    if len(ready) > 1:
        cases["all models"] = _MODELS.format(names=ready)
    if ready:
        cases[f"a volume of {_DEPTH} slices, {ready[0]}"] = _VOLUME.format(
            name=ready[0], depth=_DEPTH
        )
    figures = {name: round(peak_megabytes(body)) for name, body in cases.items()}
    for name, megabytes in figures.items():
        print(f"{name:32} {megabytes:6} MiB")
    result = {"peak_mib": figures, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(Path("benchmarks/results/memory.json"), result)


if __name__ == "__main__":
    main()

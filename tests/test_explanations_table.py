import json

import pytest

from benchmarks import explanations
from core.errors import DatasetError

BASELINE = {
    "median_ms": None,
    "pointing": None,
    "energy": None,
    "deletion": 0.476,
    "insertion": 0.75,
    "road": -0.25,
    "faithful": None,
}
METHOD = {
    **BASELINE,
    "median_ms": 6.7,
    "pointing": {"value": 0.65, "low": 0.5, "high": 0.784},
    "energy": {"value": 0.421, "low": 0.304, "high": 0.535},
    "faithful": 0.4,
}
RESULT = {
    "model": "cnn",
    "sha256": "0123456789abcdef",
    "split": "test",
    "slices": 60,
    "methods": {"random (baseline)": BASELINE, "grad-cam": METHOD},
    "created": "2026-11-20T14:31:41+00:00",
}


def test_the_document_names_the_weights_and_has_a_row_for_each_method(tmp_path):
    results, document = tmp_path / "explanations.json", tmp_path / "page.md"
    results.write_text(json.dumps(RESULT))
    document.write_text("\n".join(["before", *explanations.MARKERS, "after"]))
    explanations.main(["--out", str(results), "--document", str(document), "--write"])
    lines = document.read_text().splitlines()
    assert any("60 slices" in x and "2026-11-20" in x and "`01234567…`" in x for x in lines)
    assert "| random (baseline) |  |  |  | 0.48 | 0.75 | -0.25 |  |" in lines
    assert (
        "| grad-cam | 7 | 0.650 (0.500 to 0.784) | 0.421 (0.304 to 0.535) "
        "| 0.48 | 0.75 | -0.25 | 0.40 |"
    ) in lines
    assert (lines[0], lines[-1]) == ("before", "after")


def test_nothing_is_written_before_it_was_measured(tmp_path):
    with pytest.raises(DatasetError, match=r"measured before it is written. Missing: .*none.json"):
        explanations.main(["--out", str(tmp_path / "none.json"), "--write"])

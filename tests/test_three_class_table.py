import json

import pytest

from benchmarks import three_class
from core.errors import DatasetError


def training(value, seconds):
    epoch = {"epoch": 1, "loss": 1.25, "accuracy": 0.5, "val_loss": 1.5, "val_accuracy": 0.25}
    return {
        "command": f"python -m core train --epochs {seconds}",
        "seconds": seconds,
        "test_accuracy": {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 45},
        "history": [{**epoch, "seconds": 26.6}],
    }


def test_both_starts_and_the_log_of_the_first_are_written(tmp_path):
    results, document = tmp_path / "three.json", tmp_path / "page.md"
    row = {"images": 300, "created": "2026-11-21T17:20:34+00:00"}
    row |= {"published": training(0.875, 272.4), "random": training(0.5, 226.4)}
    results.write_text(json.dumps(row))
    document.write_text("\n".join(["before", *three_class.MARKERS, "after"]))
    three_class.main(["--results", str(results), "--document", str(document), "--write"])
    lines = document.read_text().splitlines()
    assert "| published weights | 0.875 (0.775 to 0.975) | 45 | 272 s |" in lines
    assert "| random weights | 0.500 (0.400 to 0.600) | 45 | 226 s |" in lines
    log = lines[lines.index("```") + 1 :]
    assert log[:2] == [
        "python -m core train --epochs 272.4",
        "epoch  1  loss 1.250  accuracy 0.500  val_loss 1.500  val_accuracy 0.250  27 s",
    ]
    assert any("2026-11-21 with 300 slices" in line for line in lines)
    assert (lines[0], lines[-1]) == ("before", "after")


def test_nothing_is_written_before_it_was_measured(tmp_path):
    with pytest.raises(DatasetError, match=r"measured before it is written. Missing: .*none.json"):
        three_class.main(["--results", str(tmp_path / "none.json"), "--write"])

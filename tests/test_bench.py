import keras
import pytest

from benchmarks import speed_tables
from benchmarks.networks import operations
from benchmarks.targets import targets
from benchmarks.timing import Target, interleave, paired_ratio, summary, table


def test_cases_run_in_turns():
    order = []
    seconds = interleave({k: lambda k=k: order.append(k) for k in "ab"}, rounds=3, warm=1)
    assert order == ["a", "b", "a", "b", "a", "b", "a", "b"]
    assert {k: len(v) for k, v in seconds.items()} == {"a": 3, "b": 3}


def test_the_median_is_told_in_milliseconds():
    assert summary([0.003, 0.001, 0.002]) == {
        "median_ms": 2.0, "lowest_ms": 1.0, "highest_ms": 3.0, "runs": 3,
    }  # fmt: skip


def test_a_busy_stretch_weighs_on_neither_side():
    # The second pair ran ten times slower, both of it alike.
    assert paired_ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0]) == 2.0


def test_runs_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "relation", "verdict"),
    [
        (1.1, "at most", "met"),
        (1.11, "at most", "MISSED"),
        (1.1, "at least", "met"),
        (1.09, "at least", "MISSED"),
        (None, "at least", "not measured"),
    ],
)
def test_a_target_is_met_missed_or_not_measured(value, relation, verdict):
    target = Target("it", value, relation, 1.1, "x")
    assert target.verdict == verdict
    assert target.row()["wanted"] == f"{relation} 1.1 x"


def test_the_first_column_stands_left_and_the_others_right():
    assert table(["a", "bb"], [["long", "1"]]).splitlines() == ["a     bb", "--------", "long   1"]


def test_operations_of_a_convolution_and_a_dense_layer():
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    x = keras.layers.Dense(5)(keras.layers.Flatten()(x))
    # 16 places x 9 weights x 3 filters, and 48 x 5, twice for multiplying and adding.
    assert operations(keras.Model(inputs, x)) == 2 * (16 * 9 * 3 + 48 * 5)


def verdicts(result):
    return {target.name: target.verdict for target in targets(result)}


def test_what_was_not_measured_is_not_met():
    found = verdicts({})
    assert set(found.values()) == {"not measured"}
    assert "audit of 100,000 images" in found


def test_targets_follow_from_the_sections():
    agreement = {
        "slices": 500, "size": 128, "labels_unchanged": 0.998, "distance_largest": 0.03,
    }  # fmt: skip
    row = {"model": "vgg16", "batch": 32, "precision": "mixed_bfloat16", "share_of_matrices": 0.79}
    found = verdicts(
        {
            "commands": [{"command": "python -m core --help", "median_ms": 400.0}],
            "first_paint": {"first_heading": {"median_ms": 2500.0}},
            "redraw": {
                "controls": {"opacity": {"median_ms": 99.0}, "outline": {"median_ms": 101.0}}
            },
            "second_model": {"decoding_saved": 0.99},
            "throughput": [row | {"faster_than_float32": 1.7}],
            "precision": {"models": {"vgg16": agreement}},
            "growth": {"sizes": [{"images": 100_000, "audit": {"wall_seconds": 900.0}}]},
        }
    )
    assert found == {
        "vgg16: bfloat16 faster than float32, batch 32": "met",
        "vgg16: labels unchanged by bfloat16": "met",
        "vgg16: largest move of a probability by bfloat16": "MISSED",
        "vgg16: share of the matrix rate, batch 32, mixed_bfloat16": "MISSED",
        "python -m core --help": "met",
        "first paint of the dashboard": "MISSED",
        "overlay redrawn after its opacity": "met",
        "overlay redrawn after its outline": "MISSED",
        "decoding that a second model is spared": "met",
        "audit of 100,000 images": "met",
    }


def test_the_page_tells_a_miss_and_what_was_not_measured():
    rows = [
        Target("fast", 2.0, "at most", 1.1, "x", "alone").row(),
        Target("big", None, "at most", 15.0, "min", "nobody looked").row(),
    ]
    assert speed_tables.verdicts({"targets": rows}).splitlines()[2:] == [
        "| fast | 2 x | at most 1.1 x | MISSED | alone |",
        "| big |  | at most 15 min | not measured | nobody looked |",
    ]


def test_the_page_lists_engines_that_could_not_be_tried():
    row = {
        "engine": "XLA", "batch": 1, "median_ms": 12.34, "faster_than_default": 0.5,
        "logits_apart": 0.01,
    }  # fmt: skip
    entry = {
        "model": "cnn", "size": 224, "default": "float32", "engines": [row],
        "left_out": {"OpenVINO float32": "openvino isn't installed"},
    }  # fmt: skip
    lines = speed_tables.engines({"models": [entry], "versions": {"keras": "3"}}).splitlines()
    assert lines[2] == "| cnn | XLA | 1 | 12.3 | 0.50 | 0.0100 |"
    assert lines[3] == "| cnn | OpenVINO float32 |  | openvino isn't installed |  |  |"

import json
from dataclasses import replace

from core.training.augment import AugmentConfig
from core.training.config import TrainConfig
from core.training.lineage import tell_once, training_command


def run(name, sha256=None, teachers=()):
    record = {"run": name, "epochs": 1, "command": f"train {name}"}
    if sha256:
        record["sha256"] = sha256
    if teachers:
        record["teachers"] = [{"name": f"the {t[0]['run']}", "runs": t} for t in teachers]
    return record


def test_a_run_is_told_in_full_once_and_named_elsewhere():
    first, other = run("first"), run("other", "abc")
    earlier, teachers = tell_once(
        [run("second", "def", [[other, first]]), first],
        [{"name": "the other", "runs": [other, first]}],
    )
    assert earlier[1] == first
    assert teachers[0]["runs"] == [other, {"run": "first", "command": "train first"}]
    assert earlier[0]["teachers"][0]["runs"] == [
        {"run": "other", "sha256": "abc"},
        {"run": "first", "command": "train first"},
    ]


def test_what_an_older_card_names_alone_is_told_where_it_comes_first():
    """The only full record lies below one that is dropped as a repetition."""
    first, named = run("first", "abc"), {"run": "first", "sha256": "abc"}
    a, b = run("a", "aaa", [[named]]), run("a", "aaa", [[first]])
    earlier, teachers = tell_once([a], [{"name": "the a", "runs": [b]}])
    assert earlier[0]["teachers"][0]["runs"] == [first]
    assert teachers[0]["runs"] == [{"run": "a", "sha256": "aaa"}]
    assert tell_once(earlier, teachers) == (earlier, teachers)


def test_networks_that_teach_each_other_do_not_double_the_card():
    sizes, one, two = [], [run("one", "1")], [run("two", "2")]
    for number in range(3, 12):
        teachers = [{"name": "the one", "runs": one}, {"name": "the two", "runs": two}]
        earlier, taught = tell_once(one, teachers)
        sizes.append(len(json.dumps([earlier, taught])))
        new = {**run("one", str(number)), "teachers": taught}
        one, two = [new, *earlier], one
    # Four publications more, each told by both; in full they would have grown sixteenfold.
    assert sizes[-1] < 3 * sizes[-5]


def test_the_command_names_what_differs_from_the_defaults():
    config = TrainConfig("cnn", "some/where/manifest.csv", epochs=40, class_weights=True)
    assert training_command(config) == (
        "python -m core train --model cnn --manifest manifest.csv --epochs 40 --class-weights"
    )
    assert json.dumps(config.to_dict())


def test_the_command_names_a_size_that_is_not_the_models_own():
    small = TrainConfig("vgg16", "manifest.csv", size=128)
    assert training_command(small).endswith("--manifest manifest.csv --size 128")
    assert "--size" not in training_command(replace(small, size=224))


def test_the_command_names_how_slices_were_disturbed():
    config = TrainConfig("cnn", "manifest.csv", augmentation=AugmentConfig(style=0.0, invert=0.0))
    assert training_command(config).endswith("--manifest manifest.csv --style 0.0 --invert 0.0")


def test_the_command_names_the_seed_of_a_run_that_starts_from_another():
    config = TrainConfig("cnn", "manifest.csv", init="runs/first")
    assert training_command(config).endswith("--init first --seed 0")

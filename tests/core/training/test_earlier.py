import pytest

from core.models.card import read_card
from core.settings import PROJECT_ROOT
from core.training.earlier import EarlierRun, read_earlier, whole_history, write_earlier

EPOCH = {"epoch": 1, "loss": 1.0, "val_loss": 0.5}


def test_epochs_of_all_runs_are_counted_through():
    runs = [EarlierRun("a", 2, "", []), EarlierRun("b", 1, "", [EPOCH])]
    assert whole_history(runs, [{**EPOCH, "loss": 0.5}]) == [
        {"epoch": 1, "run": 0},
        {"epoch": 2, "run": 0},
        {**EPOCH, "epoch": 3, "run": 1},
        {**EPOCH, "loss": 0.5, "epoch": 4, "run": 2},
    ]


def test_what_was_written_is_read(tmp_path):
    write_earlier(tmp_path, [EarlierRun("a", 1, "train a", [EPOCH])])
    (read,) = read_earlier(tmp_path)
    assert (read.run, read.epochs, read.command, read.history) == ("a", 1, "train a", [EPOCH])


@pytest.mark.parametrize("text", [None, "[{", "{}", '[{"run": "a"}]', '["a"]', "7"])
def test_without_a_readable_file_nothing_is_made_up(tmp_path, text):
    if text is not None:
        (tmp_path / "earlier.json").write_text(text)
    assert read_earlier(tmp_path) == []


def test_a_card_without_the_file_names_the_runs_but_no_epochs(tmp_path):
    card = (PROJECT_ROOT / "weights" / "vgg19" / "card.json").read_text(encoding="utf-8")
    (tmp_path / "card.json").write_text(card)
    runs = read_earlier(tmp_path)
    assert [run.run for run in runs][:2] == ["vgg16-a", "vgg16-b"]
    assert (runs[0].epochs, runs[0].history) == (10, [])


@pytest.mark.parametrize("name", ["cnn", "vgg16", "vgg19"])
def test_the_shipped_models_tell_the_runs_of_their_cards(name):
    runs = read_earlier(PROJECT_ROOT / "weights" / name)
    named = read_card(PROJECT_ROOT / "weights" / name).raw["earlier_runs"]
    assert [run.command for run in reversed(runs)] == [row["command"] for row in named]
    assert all(len(run.history) in (0, run.epochs) for run in runs)
    assert any(run.history for run in runs)

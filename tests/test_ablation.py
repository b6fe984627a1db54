import shlex

import pytest

from benchmarks import ablation
from core.commands import train
from core.errors import DatasetError
from core.settings import PROJECT_ROOT
from tests.core.test_compare import publish


def cells(lines, title):
    line = next(x for x in lines if x.startswith(f"| {title} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.mark.parametrize("row", ablation.ROWS, ids=lambda row: row.run)
def test_every_command_is_one_that_train_takes(row):
    import argparse

    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    words = shlex.split(row.train("data"))
    assert words[:4] == ["python", "-m", "core", "train"]
    config = train._fresh(parser.parse_args(words[4:]))
    assert (config.model, config.size, config.epochs) == ("cnn", 96, 6)


def test_no_two_rows_train_the_same():
    assert len({(row.flags, row.manifest) for row in ablation.ROWS}) == len(ablation.ROWS)
    assert len({row.run for row in ablation.ROWS}) == len(ablation.ROWS)


def test_figures_come_from_reports_and_the_rest_is_not_yet_measured(tmp_path):
    report = publish(tmp_path / "runs", "ablation-boxes", 0)
    lines = ablation.table(tmp_path / "runs", tmp_path / "weights")
    found = cells(lines, "+ the map trained on boxes")
    accuracy, within = report["accuracy"], report["within_patient"]["auroc"]
    assert found[0].startswith(f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to ")
    assert found[3].startswith(f"{within['value']:.3f} (")
    # Measured without an external folder and without boxes.
    assert found[1:3] == [ablation.MISSING] * 2
    assert found[4:] == ["-", "-"]
    assert set(cells(lines, "+ pasted lesions")) == {ablation.MISSING}
    assert set(cells(lines, "vgg16")) == {ablation.MISSING}


def test_the_document_is_filled_between_its_markers_and_can_be_filled_again():
    text = f"before\n{ablation.BEGIN}\nold\n{ablation.END}\nafter"
    once = ablation.fill(text, ["new"])
    assert once == f"before\n{ablation.BEGIN}\n\nnew\n\n{ablation.END}\nafter"
    assert ablation.fill(once, ["new"]) == once


def test_a_document_without_markers_is_refused():
    with pytest.raises(DatasetError, match="has the lines"):
        ablation.fill("text", [])


def test_the_documents_commands_are_those_of_the_rows():
    text = (PROJECT_ROOT / ablation.DOCUMENT).read_text(encoding="utf-8")
    for row in ablation.ROWS:
        assert f"\n{row.train()}\n" in text


def test_writing_keeps_the_rows_whose_report_is_not_here(tmp_path):
    document = tmp_path / "page.md"
    words = ["--write", "--runs", str(tmp_path / "runs"), "--weights", str(tmp_path / "weights")]
    words += ["--document", str(document)]
    document.write_text(f"{ablation.BEGIN}\n{ablation.END}\n")
    publish(tmp_path / "runs", "ablation-boxes", 0)
    ablation.main(words)
    first = document.read_text()
    assert cells(first.splitlines(), "+ pasted lesions")[0] == ablation.MISSING
    (tmp_path / "runs" / "ablation-boxes" / "report.json").unlink()
    publish(tmp_path / "runs", "ablation-paste", 1)
    ablation.main(words)
    lines = document.read_text().splitlines()
    title = "+ the map trained on boxes"
    assert cells(lines, title) == cells(first.splitlines(), title)
    assert cells(lines, "+ pasted lesions")[0] != ablation.MISSING

import json

import pytest

PAGE = "pages/5_Performance.py"


def test_empty_state_tells_the_command(open_page, publish):
    publish(with_report=False)
    at = open_page(PAGE)
    assert "python -m core evaluate" in at.info[0].value
    assert not at.get("plotly_chart")


def test_a_full_report_shows_every_part(open_page, publish, texts):
    folder = publish()
    report = json.loads((folder / "report.json").read_text())
    at = open_page(PAGE)
    said = texts(at)
    assert [m.label for m in at.metric][:4] == [
        "Accuracy", "Macro F1", "External AUROC", "Same patients",
    ]  # fmt: skip
    assert at.metric[0].value == f"{100 * report['accuracy']['value']:.1f} %"
    assert len(at.get("plotly_chart")) == 5
    assert "Split: test, 120 slices in 30 groups" in said
    assert "95 % bootstrap intervals over groups" in said
    # The shipped split's number carries its mark and its note.
    assert "Leaking" in said
    assert "17 of its 40 slices were seen in training" in said
    # The sentence that explains the gap.
    assert "different origins and MRI sequences" in said


def test_tables_hold_classes_sources_and_checks(open_page, publish):
    publish()
    at = open_page(PAGE)
    classes, sources, checks = (at.dataframe[k].value for k in range(3))
    assert list(classes["Class"])[:4] == ["Glioma", "Meningioma", "No tumour", "Pituitary tumour"]
    assert "[" in classes.loc[0, "Recall (sensitivity)"]
    assert list(sources["Source"]) == ["brain-tumor-mri", "tcga-lgg"]
    assert sources["Slices"].sum() == 120
    assert list(checks["Check"])[:2] == ["Internal: test split", "External: br35h-external"]


def test_a_report_without_outside_checks_says_so(open_page, publish, texts):
    publish(full=False)
    said = texts(open_page(PAGE))
    assert "no external check" in said
    assert "no check against tumour boxes" in said
    assert "Leaking" not in said


def test_confusion_of_one_source(open_page, publish):
    publish()
    at = open_page(PAGE)
    at.selectbox(key="confusion_source").set_value("tcga-lgg").run()
    at.toggle(key="confusion_share").set_value(False).run()
    assert not at.exception


def test_a_broken_report_is_one_sentence(open_page, publish):
    (publish() / "report.json").write_text('{"schema": 0}')
    at = open_page(PAGE)
    assert "A report has schema" in at.error[0].value
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("given", ["../x", "no-such", "<b>"])
def test_an_invalid_link_falls_back_with_a_warning(open_page, publish, given):
    publish()
    at = open_page(PAGE, report=given)
    assert "Showing cnn" in at.warning[0].value
    assert len(at.get("plotly_chart")) == 5

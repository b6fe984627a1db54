import csv
import io

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from core import DISCLAIMER
from core.batch.export import to_csv, to_excel, to_frame, to_parquet
from core.batch.rows import Row
from core.types import Prediction

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
EVIL = '=HYPERLINK("http://example.org","x")'


@pytest.fixture
def frame():
    values = np.array([0.05, 0.85, 0.06, 0.04], np.float32)
    answer = Prediction(
        "cnn",
        LABELS,
        np.log(values),
        values,
        0.7,
        ("meningioma", "notumor"),
        True,
        ("One.", "Two."),
    )
    rows = [
        Row("glioma/a.png", 0, slices=1, label="glioma", prediction=answer),
        Row(EVIL, 1, error="A file is an image. Received: a text file."),
        Row("+1.png", 2, slice=4, slices=9, prediction=answer),
    ]
    return to_frame(rows, LABELS)


def check(found):
    assert list(found["slice"].fillna(-1)) == [0, -1, 4]
    assert found["confidence"][0] == pytest.approx(0.85)
    assert found["p_notumor"][0] == pytest.approx(0.06)
    assert found["prediction_set"][0] == "meningioma; notumor"
    assert found["warnings"][0] == "One.; Two."
    assert bool(found["correct"][0]) is False
    assert pd.isna(found["correct"][2])
    assert found["error"][1] == "A file is an image. Received: a text file."
    assert pd.isna(found["predicted"][1])
    assert set(found["disclaimer"]) == {DISCLAIMER}


def test_csv_holds_everything_and_no_formula(frame):
    data = to_csv(frame)
    assert data.startswith(b"\xef\xbb\xbffile,slice,model,predicted,confidence,p_glioma")
    found = pd.read_csv(io.BytesIO(data), encoding="utf-8-sig")
    check(found)
    assert list(found["file"]) == ["glioma/a.png", f"'{EVIL}", "'+1.png"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n+", " =", "＝"])
def test_every_beginning_of_a_formula_is_defused_in_csv(start):
    data = to_csv(to_frame([Row(f"{start}x.png", 0, error="e")], LABELS))
    [_, row] = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert row[0] == f"'{start.strip()}x.png"


def test_excel_holds_everything_as_text_and_numbers(frame):
    book = load_workbook(io.BytesIO(to_excel(frame)))
    sheet = book["Slices"]
    found = pd.DataFrame(sheet.iter_rows(min_row=2, values_only=True))
    found.columns = [cell.value for cell in sheet[1]]
    check(found)
    assert list(found["file"]) == ["glioma/a.png", EVIL, "+1.png"]
    assert [cell.data_type for row in sheet.iter_rows() for cell in row].count("f") == 0
    assert sheet["E2"].data_type == "n"
    assert book["About"]["A1"].value == DISCLAIMER


def test_parquet_keeps_types_and_the_disclaimer(frame):
    found = pd.read_parquet(io.BytesIO(to_parquet(frame)))
    check(found)
    assert list(found["file"]) == ["glioma/a.png", EVIL, "+1.png"]
    assert found["accepted"].dtype == "boolean"
    assert found["p_glioma"].dtype == "Float64"


def test_nothing_gives_the_header_alone():
    frame = to_frame([], LABELS)
    assert to_csv(frame).decode("utf-8-sig").count("\n") == 1
    assert load_workbook(io.BytesIO(to_excel(frame)))["Slices"].max_row == 1

"""No planted name comes out anywhere: logs, records, reports, pictures, caches, database."""

import base64
import io
import logging
import tempfile
import zipfile
import zlib
from datetime import UTC, datetime

import numpy as np
import pypdfium2
import pytest

from api.logs import JsonFormatter
from core.cases import CaseLog, to_csv, to_excel, to_json, to_parquet
from core.imaging.inputs import read_bytes
from core.imaging.overlay import overlay, to_png
from core.inference import get_predictor
from core.pdf import write_report
from tests.hostile.archives import packed
from tests.hostile.planted import FILE_NAME, planted, secrets_in


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """The folder for temporary files: what a path leaves there is found."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def logged(caplog):
    """Every record of every logger, as the service would write it and as Python would."""
    caplog.set_level(logging.DEBUG)

    def logged():
        plain = logging.Formatter("%(name)s %(message)s %(args)s")
        lines = [f.format(r) for r in caplog.records for f in (JsonFormatter(), plain)]
        return "\n".join([*lines, caplog.text])

    return logged


def left_in(folder):
    """Planted words in what is left of temporary files (TensorFlow leaves some of its code)."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [word for file in files for word in secrets_in(file.read_bytes(), file.name)]


def broken():
    """Files with names that are refused, each in another way."""
    whole = planted()
    return [
        whole[:900],
        whole[:-50],
        planted(Modality="QZXJWKMODALITY"),
        planted(PhotometricInterpretation="QZXJWKPHOTO"),
        planted(Rows=None),
        planted(PixelData=None),
        whole.replace(b"1.2.840.10008.1.2.1\x00", b"QZXJWKSYNTAX\x00".ljust(20, b"\x00")),
        b"MZ" + whole[2:],
        whole[128:],
    ]


def test_the_search_finds_what_was_planted():
    data = planted()
    assert secrets_in(data) == ["qzxjwk", "19010203", "999888777"]
    assert secrets_in(FILE_NAME) == ["qzxjwk", "mustermann", "1901-02-03"]
    assert secrets_in("Qzxjwk".encode("utf-16")) == ["qzxjwk"]
    assert "qzxjwk" in secrets_in(b"%PDF-1.7 stream " + zlib.compress(data))
    assert secrets_in(b"no secret") == []


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_the_command_line_tells_no_tag(form, command, tmp_path, spool, logged):
    scan, folder = tmp_path / "scan.dcm", tmp_path / "series"
    scan.write_bytes(planted())
    folder.mkdir()
    for number, data in enumerate([planted(InstanceNumber="2"), *broken()]):
        (folder / f"{number}.dcm").write_bytes(data)
    out = tmp_path / "maps"
    words = ["--format", form, "--explain", out]
    code, lines, err = command("predict", "--model", "cnn", *words, scan, folder)
    assert code == 1
    assert "burned-in text" in "\n".join(lines)
    assert secrets_in("\n".join(lines), err, logged()) == []
    written = [file for file in out.rglob("*") if file.is_file()]
    assert len(written) >= 4
    for file in written:
        assert secrets_in(file.read_bytes(), file.name) == []
    assert left_in(spool) == []


def test_the_service_tells_keeps_and_logs_no_name(service, spool, logged):
    data = planted()
    answer = service.post(
        "/predict", files={"file": (FILE_NAME, data)}, data={"explain": "true"}
    ).json()
    assert "burned-in text" in " ".join(answer["warnings"])
    picture = base64.b64decode(answer["heatmap_png_base64"])
    assert secrets_in(str(answer), picture) == []

    # Two megabytes: an upload of that size is spooled to disk on its way.
    large = planted() + bytes(2 * 2**20)
    answer = service.post("/predict", files={"file": (FILE_NAME, large)})
    assert answer.status_code == 200
    assert secrets_in(answer.text) == []

    for bad in broken():
        answer = service.post("/predict", files={"file": (FILE_NAME, bad)})
        assert secrets_in(answer.text) == []

    several = [("files", ("a.dcm", data)), ("files", ("b.zip", packed(("c.dcm", data))))]
    answer = service.post("/predict/batch", files=several)
    assert answer.json()["answered"] == 2
    assert secrets_in(answer.text) == []

    kept = service.app.state.service.answers
    assert secrets_in(repr(vars(kept)), service.get("/metrics").text, logged()) == []
    assert left_in(spool) == []


def test_the_answer_cache_holds_no_name(weights, make_service):
    client = make_service(cache_entries=8)
    client.post("/predict", files={"file": (FILE_NAME, planted())})
    kept = vars(client.app.state.service.answers)
    assert len(kept["_known"]) == 1
    assert secrets_in(repr(kept)) == []


def test_report_and_case_log_hold_no_name(weights, tmp_path, spool, logged):
    (slice_,) = read_bytes(planted(), FILE_NAME)
    predictor = get_predictor("cnn")
    analysis = predictor.analyse(slice_)
    picture = to_png(
        overlay(slice_.pixels, analysis.explanations[analysis.prediction.predicted].cam)
    )
    report = write_report(
        analysis, slice_, picture, predictor.card, created=datetime(2026, 1, 2, tzinfo=UTC)
    )
    pages = pypdfium2.PdfDocument(report)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    assert "burned-in text" in " ".join(text.split())
    assert secrets_in(report, text) == []

    file = tmp_path / "log" / "cases.db"
    with CaseLog(f"sqlite:///{file}") as log:
        log.add(analysis.prediction, slice_, overlay_png=picture, verdict="glioma", note="fine")
        cases = list(log.every())
        assert secrets_in(to_csv(cases), to_json(cases), repr(cases), to_parquet(cases)) == []
        with zipfile.ZipFile(io.BytesIO(to_excel(cases))) as sheets:
            assert secrets_in(*(sheets.read(name) for name in sheets.namelist())) == []
        for part in file.parent.iterdir():
            assert secrets_in(part.read_bytes(), part.name) == []
    for part in file.parent.iterdir():
        assert secrets_in(part.read_bytes()) == []
    assert secrets_in(logged()) == []
    assert left_in(spool) == []


def test_a_slice_keeps_a_name_for_its_screen_alone():
    (slice_,) = read_bytes(planted(), FILE_NAME)
    assert secrets_in(" ".join(slice_.notes)) == []
    assert slice_.name.endswith(".dcm")
    assert np.isfinite(slice_.pixels).all()

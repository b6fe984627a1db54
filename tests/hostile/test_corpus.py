"""Every bad input at every door that it can knock at: Python, command line, service."""

import re
from collections import Counter

import pytest

from api.main import create_app
from api.problems import kind_of
from core.data.audit import audit
from core.data.boxes import read_boxes
from core.data.manifest import meta_path, read_manifest
from core.errors import DatasetError, InputError, ModelNotReadyError, RunError, SettingsError
from core.imaging.inputs import iter_bytes, iter_inputs, read_bytes
from core.imaging.names import MAX_LENGTH, safe_name
from core.imaging.quality import assess
from core.inference import load_predictor
from core.settings import get_settings
from core.training.config import read_config
from core.training.runs import read_run
from tests.hostile.corpus import CASES, ELSEWHERE, of_kind
from tests.hostile.pictures import encoded, grey

SUFFIXES = (".jpg", ".dcm", ".tif", ".nii", ".nii.gz", ".hdr")


def each(*kinds):
    return pytest.mark.parametrize("case", of_kind(*kinds), ids=lambda case: case.name)


def says(case, *sentences):
    found = [sentence for sentence in sentences if re.search(case.says, sentence)]
    assert found, f"none of these says {case.says!r}: {[s[:300] for s in sentences]}"
    assert all(len(sentence) < 1500 for sentence in found)


def alive(client):
    answer = client.post("/predict", files={"file": ("fine.png", encoded(grey()))})
    assert answer.status_code == 200, answer.text


def test_the_corpus_covers_the_list_and_names_each_case_once():
    assert max(Counter(case.name for case in CASES).values()) == 1
    covered = {case.row for case in CASES if case.row} | set(ELSEWHERE)
    assert covered == set(range(1, 53))
    assert len(CASES) >= 80
    assert {case.kind for case in CASES} == {
        "file", "zip", "name", "path", "manifest", "dataset", "boxes", "run", "weights",
        "settings", "request",
    }  # fmt: skip


@each("file")
def test_a_file_gets_its_sentence_at_every_door(case, service, predict, tmp_path):
    data = case.build()
    path = tmp_path / case.file
    path.write_bytes(data)
    if case.accepted:
        slices = read_bytes(data, case.file)
        notes = [*slices[0].notes, *assess(slices[0]).reasons]
    else:
        with pytest.raises(InputError) as caught:
            read_bytes(data, case.file)
        assert kind_of(caught.value).status == case.status
        notes = [str(caught.value)]
    says(case, *notes, *([""] if not case.says else []))

    code, records = predict(path)
    assert code == case.exit
    told = records[0].get("warnings") or [records[0].get("error", "")]
    says(case, *told)

    answer = service.post("/predict", files={"file": (case.file, data)})
    assert answer.status_code == case.status, answer.text
    body = answer.json()
    if case.accepted:
        assert set(records[0]["probabilities"]) == set(body["probabilities"])
        says(case, *body["warnings"], *([""] if not case.says else []))
    else:
        says(case, body["detail"])


@each("zip")
def test_a_zip_gets_its_sentence_at_every_door(case, service, predict, tmp_path):
    data = case.build()
    path = tmp_path / case.file
    path.write_bytes(data)
    errors = [item.error for item in iter_bytes(data, case.file) if item.error]
    says(case, *map(str, errors))
    assert case.status in {kind_of(error).status for error in errors}

    code, records = predict(path)
    assert code == case.exit
    says(case, *(record.get("error", "") for record in records))

    answer = service.post("/predict/batch", files={"files": (case.file, data)})
    assert answer.status_code == 200
    problems = [result["error"] for result in answer.json()["results"] if "error" in result]
    assert case.status in {problem["status"] for problem in problems}
    says(case, *(problem["detail"] for problem in problems))
    assert [path.name for path in tmp_path.iterdir()] == [case.file], "something was unpacked"


@each("name")
def test_a_name_is_made_harmless_at_every_door(case, service, predict, tmp_path):
    name = case.build()
    shown = safe_name(name)
    assert 1 <= len(shown) <= MAX_LENGTH
    assert shown.isprintable()
    assert not set(shown) & set("<>&\"'`/\\\u202e")
    assert ".." not in shown

    path = tmp_path / name.replace("/", "_").replace("\\", "_")[-60:]
    path.write_bytes(encoded(grey()))
    code, records = predict(path)
    assert code == case.exit
    assert records[0]["file"].isprintable()

    for address, field in (("/predict", "file"), ("/predict/batch", "files")):
        answer = service.post(address, files={field: (name, encoded(grey()))})
        assert answer.status_code == case.status
        says(case, answer.json().get("detail", ""))
        for part in ("<", "\x1b", "\\u202e", "..", "ü" * 100):
            assert part not in answer.text


@each("path")
def test_a_path_gets_its_sentence(case, predict, tmp_path):
    path = case.build(tmp_path)
    says(case, *(str(item.error) for item in iter_inputs([path])))
    code, records = predict(path)
    assert code == case.exit
    says(case, *(record["error"] for record in records))


@each("manifest")
def test_a_manifest_gets_its_sentence(case, command, tmp_path):
    data, sidecar = case.build()
    path = tmp_path / case.file
    path.write_bytes(data)
    if sidecar is not None:
        meta_path(path).write_text(sidecar)
    with pytest.raises(DatasetError) as caught:
        read_manifest(path).check_files()
    says(case, str(caught.value))
    code, out, err = command("evaluate", "cnn", "--manifest", path)
    assert (code, out) == (case.exit, [])
    says(case, err.splitlines()[-1])


@each("dataset")
def test_a_dataset_gets_its_sentence(case, command, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    folder = case.build(folder)
    with pytest.raises(DatasetError) as caught:
        audit(folder)
    says(case, str(caught.value))
    code, out, err = command("audit", folder)
    assert code == case.exit
    says(case, "\n".join(out) + err)


@each("boxes")
def test_boxes_get_their_sentence(case, command, tmp_path):
    path = tmp_path / case.file
    path.write_bytes(case.build())
    with pytest.raises(DatasetError) as caught:
        read_boxes(path)
    says(case, str(caught.value))


@each("run")
def test_a_configuration_gets_its_sentence(case, command, tmp_path):
    (tmp_path / case.file).write_text(case.build())
    with pytest.raises(RunError) as caught:
        read_config(tmp_path)
    says(case, str(caught.value))
    # A list of runs goes on without it.
    assert isinstance(read_run(tmp_path).config, dict)
    code, out, err = command("train", "--resume", "--out", tmp_path)
    assert (code, out) == (case.exit, [])
    says(case, err.splitlines()[-1])


@each("weights")
def test_a_damaged_model_is_not_ready_with_the_reason(case, service, command, own_weights):
    case.build(own_weights)
    with pytest.raises(ModelNotReadyError) as caught:
        load_predictor("cnn")
    says(case, str(caught.value))

    path = own_weights / "slice.png"
    path.write_bytes(encoded(grey()))
    code, out, err = command("predict", "--model", "cnn", path)
    assert (code, out) == (case.exit, [])
    says(case, err.splitlines()[-1])

    answer = service.post("/predict", files={"file": encoded(grey())}, data={"model": "cnn"})
    assert answer.status_code == case.status
    says(case, answer.json()["detail"])
    assert service.get("/models").json()["models"][0]["ready"] is False


@each("settings")
def test_a_setting_gets_its_sentence(case, command, monkeypatch):
    for key, value in case.build().items():
        monkeypatch.setenv(f"GLIALENS_{key}", value)
    get_settings.cache_clear()
    with pytest.raises(SettingsError) as caught:
        get_settings()
    says(case, str(caught.value))
    code, out, err = command("models")
    assert (code, out) == (case.exit, [])
    says(case, err.splitlines()[-1])
    with pytest.raises(SettingsError, match=case.says):
        create_app().state.service.statuses()


@each("request")
def test_a_request_gets_its_sentence(case, service):
    answer = case.build(service)
    assert answer.status_code == case.status, answer.text
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    says(case, body["detail"])
    assert "\x01" not in answer.text


def test_the_service_still_answers_after_all_of_them(service):
    for case in of_kind("request"):
        case.build(service)
    for case in of_kind("file")[::7]:
        service.post("/predict", files={"file": (case.file, case.build())})
    alive(service)

import io
import struct
import zipfile

import cv2
import nibabel as nib
import numpy as np
import pytest
import streamlit as st

from core.data.phantom import phantom_volume
from core.errors import ModelNotReadyError
from tests.core.imaging.test_volume import SERIES, dicom
from tests.shipped import NO_MR, READABLE, REFUSED, names

PAGE = "pages/1_Diagnose.py"
SLICES = phantom_volume(3, depth=20, size=64)


def picture(index):
    return cv2.imencode(".png", np.rint(SLICES[index].pixels * 255).astype(np.uint8))[1].tobytes()


def nifti(blank=0):
    voxels = np.stack([slice_.pixels for slice_ in SLICES])
    voxels[len(voxels) - blank :] = 0
    # NIfTI counts from the patient's left and back; the reader turns it round again.
    return nib.Nifti1Image(voxels.transpose(2, 1, 0)[::-1, ::-1], np.eye(4)).to_bytes()


@pytest.fixture
def opened(open_page, predictor):
    """Open the page with uploads."""

    def opened(*files):
        at = open_page(PAGE)
        at.file_uploader[0].set_value([(name, data, "") for name, data in files]).run()
        assert not at.exception
        return at

    return opened


def press(at, label):
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception
    return at


def slider(at):
    return next(s for s in at.slider if s.label == "Slice")


def labels(at):
    return [button.label for button in at.button]


def charts(at):
    return [chart.proto.alt for chart in at.get("plotly_chart")]


def test_a_volume_is_scrubbed_along_three_planes(opened, predictor, texts):
    at = opened(("head.nii", nifti()))
    assert "head.nii, axial slice 10 of 20 · 64 × 64 pixels" in texts(at)
    slider(at).set_value(12).run()
    assert "axial slice 12 of 20" in texts(at)
    assert predictor.asked == 2
    next(c for c in at.segmented_control if c.label == "Plane").set_value("coronal").run()
    assert slider(at).max == 64
    assert "coronal slice 32 of 64 · 64 × 20 pixels" in texts(at)


def test_all_slices_are_predicted_once_and_the_most_suspicious_is_marked(
    opened, predictor, texts, open_page
):
    at = opened(("head.nii", nifti()))
    assert predictor.predicted == 0
    press(at, "Predict all 20 slices")
    assert predictor.predicted == 20
    assert "Most suspicious: **slice 6**, tumour 95 %" in texts(at)
    assert "Predict all 20 slices" not in labels(at)
    assert "Probability of each class along the volume, slice by slice" in charts(at)
    press(at, "Go to slice 6")
    assert slider(at).value == 6
    assert "Go to slice 6" not in labels(at)
    again = open_page(PAGE)
    again.file_uploader[0].set_value([("head.nii", nifti(), "")]).run()
    assert "Most suspicious: **slice 6**" in texts(again)
    assert predictor.predicted == 20


def test_a_cancelled_prediction_keeps_what_it_has_and_goes_on_later(
    opened, predictor, texts, monkeypatch
):
    whole = predictor.predict

    def cancelled(slices):
        if predictor.predicted:
            # What a click on Cancel does between two batches.
            key = next(k for k in st.session_state if str(k).startswith("profile_"))
            st.session_state[key] = False
            st.rerun()
        return whole(slices)

    monkeypatch.setattr(predictor, "predict", cancelled)
    at = press(opened(("head.nii", nifti())), "Predict all 20 slices")
    assert "8 of 20 slices are predicted" in texts(at)
    assert "Most suspicious: **slice 6**" in texts(at)
    assert "Cancel" not in labels(at)
    monkeypatch.setattr(predictor, "predict", whole)
    press(at, "Predict the remaining 12 slices")
    assert predictor.predicted == 20
    assert "are predicted" not in texts(at)


def test_a_model_that_fails_meanwhile_is_told(opened, predictor, monkeypatch):
    def fail(slices):
        raise ModelNotReadyError("Weights are whole. Received: none.")

    monkeypatch.setattr(predictor, "predict", fail)
    at = press(opened(("head.nii", nifti())), "Predict all 20 slices")
    assert [error.value for error in at.error] == ["Weights are whole. Received: none."]


def test_an_empty_slice_is_not_analysed_but_its_volume_is(opened, predictor, texts):
    at = opened(("head.nii", nifti(blank=3)))
    slider(at).set_value(19).run()
    asked = predictor.asked
    assert "nothing to analyse" in texts(at)
    assert charts(at) == []
    assert predictor.asked == asked == 1
    press(at, "Predict all 20 slices")
    assert "on grey ground" in texts(at)
    assert "Most suspicious: **slice 6**" in texts(at)


def test_a_volume_of_something_else_has_no_suspicious_slice(open_page, predict_with, texts):
    predict_with(in_domain=False)
    at = open_page(PAGE, sample="phantom-volume")
    press(at, "Predict all 24 slices")
    assert "No slice of this volume looks like the brain MRI" in texts(at)
    assert not any("Go to" in label for label in labels(at))


def test_the_drawn_volume_is_marked_synthetic(open_page, predictor, texts):
    at = open_page(PAGE, sample="phantom-volume")
    assert "Phantom volume (synthetic), slice 12 of 24" in texts(at)
    assert "drawn phantom" in texts(at)
    assert slider(at).max == 24


def test_a_volume_of_several_is_chosen_and_keeps_the_place(opened, predictor, texts):
    flat = np.stack([slice_.pixels for slice_ in SLICES]).transpose(2, 1, 0)[::-1, ::-1]
    values = np.stack((flat, flat[::-1], np.zeros_like(flat)), axis=-1)
    at = opened(("f.nii", nib.Nifti1Image(values, np.eye(4)).to_bytes()))
    assert "f.nii, volume 1, axial slice 10 of 20" in texts(at)
    slider(at).set_value(12).run()
    press(at, "Predict all 20 slices")
    asked = predictor.asked
    box = next(box for box in at.selectbox if box.label == "Volume")
    assert (box.options, box.value) == (["1", "2", "3"], 1)
    box.set_value(2).run()
    said = texts(at)
    assert "f.nii, volume 2, axial slice 12 of 20" in said
    assert "The file holds 3 volumes; number 2 was read." in said
    assert predictor.asked == asked + 1
    # What was said of the slices of volume 1 is not said of those of volume 2.
    press(at, "Predict all 20 slices")
    next(box for box in at.selectbox if box.label == "Volume").set_value(3).run()
    (error,) = at.error
    assert "every voxel is the same" in error.value
    next(box for box in at.selectbox if box.label == "Volume").set_value(1).run()
    assert not at.error
    assert "volume 1, axial slice 12 of 20" in texts(at)


def test_a_header_that_promises_billions_of_volumes_is_no_list_of_billions(opened):
    flat = np.stack([slice_.pixels for slice_ in SLICES]).transpose(2, 1, 0)
    image = nib.Nifti2Image(np.stack((flat, flat), axis=-1), np.eye(4))
    data = bytearray(image.to_bytes())
    struct.pack_into("<q", data, 16 + 8 * 4, 2**50)
    at = opened(("f.nii", bytes(data)))
    (box,) = [box for box in at.selectbox if box.label == "Volume"]
    assert len(box.options) == 2000
    box.set_value(2000).run()
    (error,) = at.error
    assert "all the voxels that its header declares" in error.value


def test_a_file_of_one_volume_offers_no_choice(opened):
    at = opened(("head.nii", nifti()))
    assert not [box for box in at.selectbox if box.label == "Volume"]


def test_files_of_a_series_are_one_scan(opened, texts):
    at = opened(*((name, dicom(*place)) for name, place in SERIES.items()))
    assert "c.dcm, slice 2 of 3" in texts(at)


def test_pictures_and_a_volume_are_chosen_apart(opened, texts):
    at = opened(("s10.png", picture(5)), ("s9.png", picture(4)), ("head.nii", nifti()))
    scan = next(box for box in at.selectbox if box.label == "Scan of the upload")
    assert scan.options == ["head.nii, 20 slices", "s9.png, 2 slices"]
    scan.set_value(1).run()
    assert "s9.png, slice 1 of 2" in texts(at)
    slider(at).set_value(2).run()
    assert "s10.png, slice 2 of 2" in texts(at)


def test_a_bad_file_among_others_is_named_and_the_others_are_read(opened, texts):
    at = opened(("notes.png", b"just text"), ("scan.png", picture(10)))
    assert [e.value.replace("\\", "") for e in at.error] == [
        "**notes.png**: GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, DICOM and NIfTI "
        "files. Received: a text file."
    ]
    assert "leans to meningioma" in texts(at)


def test_many_bad_files_do_not_flood_the_screen(opened):
    at = opened(*((f"{i}.png", b"text") for i in range(8)))
    assert len(at.error) == 6
    assert at.error[-1].value == "3 more files can't be read."


def test_a_zip_of_slices(opened, texts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in (8, 9, 10):
            archive.writestr(f"slices/{index}.png", picture(index))
    at = opened(("scan.zip", buffer.getvalue()))
    assert slider(at).max == 3
    assert "slice 2 of 3" in texts(at)


@pytest.mark.parametrize(("file", "expected"), READABLE.items(), ids=names(READABLE))
def test_files_of_others_are_opened(opened, texts, file, expected):
    count, note = expected
    at = opened((file.name, file.read_bytes()))
    said = texts(at)
    assert [s.max for s in at.slider if s.label == "Slice"] == [count] * (count > 1)
    assert note is None or note in said
    assert (NO_MR in said) == (note is not None and note.startswith(NO_MR))
    assert "probabilities" in charts(at)[0]


@pytest.mark.parametrize(("file", "sentence"), REFUSED.items(), ids=names(REFUSED))
def test_files_that_can_not_be_used_give_one_sentence(opened, predictor, file, sentence):
    at = opened((file.name, file.read_bytes()))
    (error,) = at.error
    assert sentence in error.value.replace("\\", "")
    assert predictor.asked == 0

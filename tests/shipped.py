"""Test files that pydicom and nibabel bring along in their own wheels."""

from pathlib import Path

import nibabel
import pydicom

DICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NIFTI = Path(nibabel.__file__).parent / "tests" / "data"

NO_MR = "The models know MR images alone"
READABLE = {
    DICOM / "MR_small.dcm": (1, None),
    DICOM / "MR_small_RLE.dcm": (1, None),
    DICOM / "MR_small_bigendian.dcm": (1, None),
    DICOM / "MR_small_jp2klossless.dcm": (1, None),
    DICOM / "MR_small_jpeg_ls_lossless.dcm": (1, None),
    DICOM / "examples_overlay.dcm": (1, None),
    DICOM / "CT_small.dcm": (1, f"{NO_MR}. Received: a DICOM file of the modality CT."),
    DICOM / "JPEG2000.dcm": (1, f"{NO_MR}. Received: a DICOM file of the modality NM."),
    DICOM / "SC_rgb_rle_2frame.dcm": (2, f"{NO_MR}. Received: a DICOM file of the modality OT."),
    NIFTI / "0.dcm": (1, None),
    NIFTI / "anatomical.nii": (25, None),
    NIFTI / "functional.nii": (3, "The file holds 20 volumes; number 1 was read."),
    NIFTI / "example4d.nii.gz": (24, "The file holds 2 volumes; number 1 was read."),
    NIFTI / "resampled_anat_moved.nii": (3, "Some voxels held NaN or infinity"),
}
"""Count of slices and a note that a person must see, by file."""

REFUSED = {
    DICOM / "MR_truncated.dcm": "Received: 1 x 64 x 64 pixels in 8,130 bytes",
    DICOM / "test-SR.dcm": "Received: one without pixel data, such as a report",
    DICOM / "rtdose.dcm": "Received: 10 x 10",
    DICOM / "image_dfl.dcm": "Received: a deflated transfer syntax",
    DICOM / "no_meta.dcm": "Received: content of an unknown type",
    NIFTI / "standard.nii.gz": "Received: 4 x 15",
    NIFTI / "row_major.dconn.nii": "GliaLens reads NIfTI files of up to 4 dimensions",
    NIFTI / "analyze.hdr": "Received: half of a NIfTI .hdr/.img pair",
}
"""Part of the sentence that a person gets, by file."""


def names(files):
    """Short names for parametrised tests."""
    return [file.name for file in files]

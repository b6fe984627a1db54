"""A DICOM file full of names that nobody may see again."""

import re
import zlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.hostile.pictures import grey
from tests.hostile.volumes import dicom

TAGS = {
    "PatientName": "QZXJWKNAME^Planted",
    "PatientID": "QZXJWKID4711",
    "PatientBirthDate": "19010203",
    "PatientAddress": "QZXJWKSTREET 9",
    "OtherPatientIDs": "QZXJWKOTHER",
    "InstitutionName": "QZXJWKCLINIC",
    "ReferringPhysicianName": "QZXJWKDOCTOR",
    "StudyDescription": "QZXJWKSTUDY",
    "SeriesDescription": "QZXJWKSERIES",
    "ImageComments": "QZXJWKCOMMENT",
    "AccessionNumber": "QZXJWKACCESS",
    "DeviceSerialNumber": "QZXJWKDEVICE",
    "ProtocolName": "QZXJWKPROTOCOL",
    "WindowCenterWidthExplanation": "QZXJWKWINDOW",
    "StudyInstanceUID": "1.2.826.999888777",
    "BurnedInAnnotation": "YES",
}
FILE_NAME = "QZXJWKFILE Mustermann 1901-02-03.dcm"
_SECRETS = ("qzxjwk", "mustermann", "19010203", "1901-02-03", "999888777")


def planted(**more) -> bytes:
    """Return an MR slice with names in every tag that could hold one, nested too."""
    item = Dataset()
    item.PatientName = "QZXJWKNESTED"
    wide = grey().astype(np.uint16) * 16
    data = dicom(wide, **(TAGS | {"OtherPatientIDsSequence": Sequence([item])} | more))
    # The preamble's 128 bytes are anybody's, too.
    return b"QZXJWKPREAMBLE".ljust(128, b"\x00") + data[128:]


def secrets_in(*texts: str | bytes) -> list[str]:
    """Return the planted words that some text or bytes hold, plain, in UTF-16 or deflated."""
    found = []
    for text in texts:
        data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
        views = [data, data.replace(b"\x00", b""), *_inflated(data)]
        found += [word for word in _SECRETS if any(word.encode() in view.lower() for view in views)]
    return found


def _inflated(data: bytes) -> list[bytes]:
    """Return what the zlib streams in a file hold, as in PDF and PNG."""
    out = []
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            out.append(zlib.decompressobj().decompress(data[match.start() :], 10_000_000))
        except zlib.error:
            continue
    return out

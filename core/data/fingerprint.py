"""What one image is recognised by: its exact pixels, and how its head looks when small.

The head is found in two ways, because neither is stable on every picture: the box that the
model's own preprocessing finds, and the box of all pixels that are clearly not background.
On 6,416 pictures the first alone found a near twin in training for 394 of 1,207 test
pictures, both together for 435; the pairs that only the second found were looked at, and
were copies of the same slice with another frame, contrast or sharpness.
"""

import os

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "25000000")

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.data.catalogue import Progress, SetAside
from core.data.modality import looks_like_ct
from core.errors import InputError, TooLargeError, UnreadableError
from core.imaging.limits import default_limits
from core.imaging.preprocess import head_box
from core.types import ByteArray

SIDE: Final = 48
BITS: Final = 64
_BRIGHT: Final = 40
_DCT_SIDE: Final = 32


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What one image is recognised by.

    Attributes:
        digest: SHA-256 of the decoded grey pixels and their shape.
        size: Width and height in pixels.
        mode: Pillow's name of the pixel format, such as `L` or `RGB`.
        thumbs: uint8 of shape (2, 48, 48), the head by each of the two crops.
        signs: int8 of shape (2, 64), +1 or -1: the perceptual hash of each crop.
        suspected_ct: Whether the picture looks like CT rather than MRI.
    """

    digest: str
    size: tuple[int, int]
    mode: str
    thumbs: ByteArray
    signs: npt.NDArray[np.int8]
    suspected_ct: bool = False


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """The fingerprints of many images, in the order of `paths`.

    Attributes:
        paths: Paths of the images that could be decoded, as they were given.
        digests: One digest per path.
        sizes: Width and height per path.
        modes: Pillow mode per path.
        thumbs: uint8 of shape (n, 2, 48, 48).
        signs: int8 of shape (n, 2, 64), +1 or -1.
        unreadable: Paths that could not be decoded, with the reason.
        suspected_ct: Paths of pictures that look like CT rather than MRI.
    """

    paths: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    modes: tuple[str, ...]
    thumbs: ByteArray
    signs: npt.NDArray[np.int8]
    unreadable: tuple[SetAside, ...] = ()
    suspected_ct: frozenset[str] = frozenset()


def read_grey(path: Path) -> tuple[ByteArray, str]:
    """Decode an image file to grey.

    Args:
        path: A JPEG, PNG, BMP, TIFF or WebP file.

    Returns:
        uint8 of shape (height, width), and Pillow's name of the stored pixel format.

    Raises:
        TooLargeError: If the header names more pixels than the settings allow.
        NotAssessableError: If it is too small or too elongated for a slice.
        UnreadableError: If the file is missing, broken or no image.
    """
    try:
        data = path.read_bytes()
        with Image.open(BytesIO(data)) as image:
            mode, (width, height) = image.mode, image.size
            default_limits().check_size(width, height)
            grey = _decode_opencv(data)
            if grey is None:
                grey = np.asarray(image.convert("L"))
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"The image has too many pixels. Received: {error}.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableError("The image's content is broken or cut off.") from error
    return grey, mode


def _decode_opencv(data: bytes) -> ByteArray | None:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, np.uint8)


def _bright_box(grey: ByteArray) -> tuple[int, int, int, int]:
    mask = grey > _BRIGHT
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, grey.shape[0], grey.shape[1]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def perceptual_signs(thumb: ByteArray) -> npt.NDArray[np.int8]:
    """Hash a thumbnail by the signs of its low DCT frequencies about their median.

    Args:
        thumb: uint8 of shape (48, 48).

    Returns:
        int8 of shape (64,), +1 or -1. Half the dot product of two hashes is 32 minus their
        Hamming distance.
    """
    small = cv2.resize(thumb, (_DCT_SIDE, _DCT_SIDE), interpolation=cv2.INTER_AREA)
    # The first coefficient is the mean brightness, which says nothing about the content.
    low = cv2.dct(small.astype(np.float32))[:9, :9].ravel()[1 : BITS + 1]
    return np.where(low > np.median(low), 1, -1).astype(np.int8)


def fingerprint(grey: ByteArray, mode: str = "L") -> Fingerprint:
    """Take the fingerprint of a decoded image.

    Args:
        grey: uint8 of shape (height, width).
        mode: Pillow's name of the stored pixel format.

    Returns:
        Its fingerprint.
    """
    digest = sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest()
    boxes = (head_box(grey.astype(np.float32) / np.float32(255.0)), _bright_box(grey))
    thumbs = np.stack(
        [
            cv2.resize(grey[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            for top, left, bottom, right in boxes
        ]
    ).astype(np.uint8)
    signs = np.stack([perceptual_signs(thumb) for thumb in thumbs])
    return Fingerprint(
        digest, (grey.shape[1], grey.shape[0]), mode, thumbs, signs, looks_like_ct(grey)
    )


def take_fingerprints(
    root: Path, paths: Sequence[str], progress: Progress | None = None, workers: int = 2
) -> Fingerprints:
    """Decode images and take their fingerprints.

    Args:
        root: Folder that the paths are relative to.
        paths: Images to read.
        progress: Called now and then with (done, total, what).
        workers: Threads that decode; OpenCV decodes outside Python's lock.

    Returns:
        Fingerprints of the readable images in the given order, and the unreadable ones.
    """

    def one(path: str) -> Fingerprint | SetAside:
        try:
            return fingerprint(*read_grey(root / path))
        except InputError as error:
            return SetAside(path, str(error))

    # OpenCV's own threads under ours slow each other down many times on a busy machine.
    cv2.setNumThreads(1)
    kept: list[tuple[str, Fingerprint]] = []
    unreadable: list[SetAside] = []
    with ThreadPoolExecutor(workers) as pool:
        for done, (path, item) in enumerate(zip(paths, pool.map(one, paths), strict=True), 1):
            if isinstance(item, SetAside):
                unreadable.append(item)
            else:
                kept.append((path, item))
            if progress and (done % 100 == 0 or done == len(paths)):
                progress(done, len(paths), "reading images")
    return Fingerprints(
        tuple(path for path, _ in kept),
        tuple(item.digest for _, item in kept),
        tuple(item.size for _, item in kept),
        tuple(item.mode for _, item in kept),
        np.stack([item.thumbs for _, item in kept])
        if kept
        else np.zeros((0, 2, SIDE, SIDE), np.uint8),
        np.stack([item.signs for _, item in kept]) if kept else np.zeros((0, 2, BITS), np.int8),
        tuple(unreadable),
        frozenset(path for path, item in kept if item.suspected_ct),
    )

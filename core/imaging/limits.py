"""How large and how odd a file may be before it is refused."""

from dataclasses import dataclass

from core.errors import NotAssessableError, TooLargeError
from core.settings import get_settings
from core.wording import mark

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds that are checked before anything of the size of the content is allocated.

    Attributes:
        max_bytes: Largest accepted file, or member of a zip, in bytes.
        max_pixels: Largest accepted number of pixels of one image.
        max_voxels: Largest accepted number of voxels of one volume.
        min_side: Shortest accepted side of an image, in pixels.
        max_aspect: Largest accepted ratio of the longer to the shorter side.
        max_members: Largest accepted number of files in a zip.
        max_inflated_bytes: Most bytes that one compressed file or one zip may inflate to.
    """

    max_bytes: int = 20 * MEGABYTE
    max_pixels: int = 25_000_000
    max_voxels: int = 64_000_000
    min_side: int = 16
    max_aspect: float = 6.0
    max_members: int = 2000
    max_inflated_bytes: int = 256 * MEGABYTE

    def check_bytes(self, count: int) -> None:
        """Refuse a file that is too large.

        Raises:
            TooLargeError: If `count` exceeds `max_bytes`.
        """
        if count > self.max_bytes:
            raise TooLargeError(
                mark("A file may have at most {most} MB. Received: {size} MB.").format(
                    most=f"{self.max_bytes / MEGABYTE:.4g}", size=f"{count / MEGABYTE:.4g}"
                )
            )

    def check_size(self, width: int, height: int) -> None:
        """Refuse an image by the size that its header declares.

        Raises:
            TooLargeError: If it has more than `max_pixels` pixels.
            NotAssessableError: If it is too small or too elongated.
        """
        if width * height > self.max_pixels:
            raise TooLargeError(
                mark(
                    "An image may have at most {most} pixels. "
                    "Received: {width} x {height}, {count} pixels."
                ).format(
                    most=f"{self.max_pixels:,}",
                    width=width,
                    height=height,
                    count=f"{width * height:,}",
                )
            )
        if min(width, height) < self.min_side:
            raise NotAssessableError(
                mark(
                    "An image has at least {least} pixels a side. Received: {width} x {height}."
                ).format(least=self.min_side, width=width, height=height)
            )
        if max(width, height) > self.max_aspect * min(width, height):
            raise NotAssessableError(
                mark(
                    "An image's longer side is at most {most} times its shorter side. "
                    "Received: {width} x {height}."
                ).format(most=f"{self.max_aspect:g}", width=width, height=height)
            )


def default_limits() -> Limits:
    """Return the limits that the settings ask for.

    Raises:
        SettingsError: If a setting's value breaks its rule.
    """
    settings = get_settings()
    return Limits(
        max_bytes=settings.max_upload_mb * MEGABYTE,
        max_pixels=settings.max_pixels,
    )

"""The card that travels with published weights: size, labels, temperature, figures, licence."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.folds import parse_fold
from core.errors import ModelNotReadyError, RunError
from core.files import parse_json
from core.wording import mark

HEADS = ("lesion", "fine", "average")
"""What a network may end in; see `core.models.head`."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REQUIRED = (
    "name", "architecture", "input_size", "labels", "temperature", "threshold", "sha256", "init",
    "trained_on", "metrics", "command", "version", "created",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Card:
    """What must be known to use and to judge published weights.

    Attributes:
        name: Name of the published model.
        architecture: Name in the registry that builds it.
        input_size: Side of the input in pixels.
        labels: Class keys in output order.
        temperature: Divisor of the logits, fitted on the validation split; above 0.
        threshold: Confidence from which an answer is accepted, in 0 to 1.
        sha256: Digest of `weights.safetensors`.
        init: How the training started.
        trained_on: Sources, image counts, licences, digest of the manifest.
        metrics: Headline figures, each with its interval and n.
        command: The command that trained the weights.
        version: GliaLens version.
        created: ISO date and time, UTC.
        license: Licence of the weights.
        raw: The whole card as read, with what is optional.
    """

    name: str
    architecture: str
    input_size: int
    labels: tuple[str, ...]
    temperature: float
    threshold: float
    sha256: str
    init: str
    trained_on: dict[str, Any]
    metrics: dict[str, Any]
    command: str
    version: str
    created: str
    license: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def head(self) -> str:
        """Kind of head, `lesion` or `average`."""
        return str(self.raw.get("head", "lesion"))

    @property
    def mirrored(self) -> bool:
        """Whether the answer is the mean over a slice and its mirror image; see `core.mirror`."""
        return bool(self.raw.get("mirrored", False))

    @property
    def fold(self) -> str:
        """Fold of the validation split that was kept from training, such as `1/2`; empty: all."""
        return str(self.raw.get("fold", ""))

    @property
    def learned_from(self) -> str | None:
        """Digest of the manifest that the weights learned from; None where it isn't known."""
        return self.trained_on.get("manifest_sha256")

    @property
    def measured_on(self) -> str | None:
        """Digest of the manifest that set the weights up and measured them; None as above."""
        told = self.raw.get("calibrated_on")
        return told.get("manifest_sha256") if isinstance(told, dict) else self.learned_from

    @property
    def conformal_quantile(self) -> float | None:
        """Score quantile of the 95 % prediction set; None if the card has none."""
        value = self.raw.get("conformal", {}).get("0.95")
        return None if value is None else float(value)


def parse_card(raw: Any) -> Card:
    """Check a card and return it.

    Args:
        raw: The decoded JSON.

    Raises:
        ModelNotReadyError: If a key is missing or a value breaks its rule.
    """
    if not isinstance(raw, dict):
        raise ModelNotReadyError(f"A card is a JSON object. Received: {type(raw).__name__}.")
    missing = [key for key in _REQUIRED if key not in raw]
    if missing:
        raise ModelNotReadyError(f"A card has every required key. Missing: {', '.join(missing)}.")
    _check_kinds(raw)
    labels, size, temperature = raw["labels"], raw["input_size"], raw["temperature"]
    if (
        not isinstance(labels, list)
        or len(labels) < 2
        or not all(isinstance(label, str) and label for label in labels)
        or len(set(labels)) != len(labels)
    ):
        raise ModelNotReadyError(
            f"A card's labels are two or more different names. Received: {labels!r}."
        )
    if isinstance(size, bool) or not isinstance(size, int) or not 16 <= size <= 1024:
        raise ModelNotReadyError(f"A card's input_size is 16 to 1024 pixels. Received: {size!r}.")
    if not _is_number(temperature) or not 0.01 <= temperature <= 100.0:
        raise ModelNotReadyError(f"A card's temperature is 0.01 to 100. Received: {temperature!r}.")
    threshold = raw["threshold"]
    if not _is_number(threshold) or not 0.0 <= threshold <= 1.0:
        raise ModelNotReadyError(f"A card's threshold is 0 to 1. Received: {threshold!r}.")
    if not _SHA256.fullmatch(str(raw["sha256"])):
        raise ModelNotReadyError(
            "A card's sha256 is 64 hexadecimal digits. Received: another text."
        )
    return Card(
        name=str(raw["name"]),
        architecture=str(raw["architecture"]),
        input_size=size,
        labels=tuple(labels),
        temperature=float(temperature),
        threshold=float(threshold),
        sha256=str(raw["sha256"]),
        init=str(raw["init"]),
        trained_on=raw["trained_on"],
        metrics=raw["metrics"],
        command=str(raw["command"]),
        version=str(raw["version"]),
        created=str(raw["created"]),
        license=str(raw.get("license", "")),
        raw=raw,
    )


def _check_kinds(raw: dict[str, Any]) -> None:
    for key in ("name", "architecture", "sha256", "init", "command", "version", "created"):
        if not isinstance(raw[key], str):
            raise ModelNotReadyError(
                f"A card's {key} is a text. Received: {type(raw[key]).__name__}."
            )
    for key in ("trained_on", "metrics", "conformal"):
        if not isinstance(raw.get(key, {}), dict):
            raise ModelNotReadyError(
                f"A card's {key} is an object. Received: {type(raw[key]).__name__}."
            )
    quantile = raw.get("conformal", {}).get("0.95")
    if quantile is not None and not (_is_number(quantile) and 0.0 <= quantile <= 1.0):
        raise ModelNotReadyError(f"A card's conformal quantile is 0 to 1. Received: {quantile!r}.")
    if not isinstance(raw.get("mirrored", False), bool):
        raise ModelNotReadyError(
            f"A card's mirrored is true or false. Received: {str(raw['mirrored'])[:60]!r}."
        )
    seed = raw.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ModelNotReadyError(
            f"A card's seed is a whole number from 0. Received: {str(seed)[:60]!r}."
        )
    if raw.get("head", "lesion") not in HEADS:
        raise ModelNotReadyError(
            f"A card's head is one of {', '.join(HEADS)}. Received: {str(raw['head'])[:60]!r}."
        )
    fold = raw.get("fold", "")
    try:
        parse_fold(fold if isinstance(fold, str) else repr(fold))
    except RunError as error:
        raise ModelNotReadyError(
            f"A card's fold is such as 1/2, or empty. Received: {str(fold)[:60]!r}."
        ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_card(folder: Path) -> Card:
    """Read `card.json` of a published model.

    Args:
        folder: The model's folder.

    Raises:
        ModelNotReadyError: If it is missing, isn't JSON, or breaks the rules of `parse_card`.
    """
    path = folder / "card.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelNotReadyError(
            mark(
                "A model is ready once it is published. Received: no card.json for '{name}'."
            ).format(name=folder.name)
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotReadyError(
            f"card.json must be readable UTF-8. Received: {type(error).__name__}."
        ) from error
    try:
        raw = parse_json(text)
    except ValueError as error:
        raise ModelNotReadyError(
            "card.json must be JSON with each key once. Received: broken JSON."
        ) from error
    return parse_card(raw)

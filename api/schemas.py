"""What the service says, as OpenAPI describes it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.answers import Answer
from core import DISCLAIMER

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
_EXAMPLE: dict[str, Any] = {
    "model": "cnn",
    "predicted_class": "meningioma",
    "confidence": 0.91,
    "probabilities": {"glioma": 0.05, "meningioma": 0.91, "notumor": 0.01, "pituitary": 0.03},
    "prediction_set": ["meningioma"],
    "accepted": True,
    "threshold": 0.7,
    "in_domain": True,
    "warnings": [],
    "slice": 0,
    "slices": 1,
}
_ENVELOPE: dict[str, Any] = {
    "request_id": "0c7d1c5f6f5d4c1e9a55a3d2b9f0b7aa",
    "elapsed_ms": 31.4,
    "disclaimer": DISCLAIMER,
}


class ModelReady(BaseModel):
    """A model in the overview."""

    name: str
    ready: bool


class Overview(BaseModel):
    """The answer of `/`."""

    status: Literal["ok"] = "ok"
    service: Literal["glialens"] = "glialens"
    version: str
    models: list[ModelReady]


class Health(BaseModel):
    """The answer of `/healthz` and `/readyz`."""

    status: Literal["ok"] = "ok"


class ModelInfo(ModelReady):
    """A model in `/models`."""

    title: str
    summary: str
    source: str
    reason: str | None = Field(description="Why it isn't ready; null if it is.")
    input_size: int
    labels: list[str] | None = None
    sha256: str | None = Field(None, description="Digest of the published weights.")
    license: str | None = None
    metrics: dict[str, Any] | None = Field(None, description="Headline figures of the card.")
    created: str | None = None


class ModelList(BaseModel):
    """The answer of `/models`."""

    models: list[ModelInfo]
    default: str | None = Field(description="The model that answers where none is named.")
    ensemble: list[str] = Field(description="Members of `model=ensemble`.")


class Assessment(BaseModel):
    """What a model says of one slice."""

    model: str
    predicted_class: str = Field(description="The most probable class.")
    confidence: Probability
    probabilities: dict[str, Probability] = Field(description="Calibrated; they sum to 1.")
    prediction_set: list[str] = Field(description="Classes that can't be ruled out.")
    accepted: bool = Field(
        description="Whether the answer is confident enough and the slice looks like brain MRI. "
        "If not, there is no diagnosis."
    )
    threshold: Probability
    in_domain: bool | None
    warnings: list[str]
    slice: int = Field(ge=0, description="Position of the assessed slice in its file.")
    slices: int = Field(ge=1, description="How many slices the file holds.")
    heatmap_png_base64: str | None = Field(
        None, description="The slice under its Grad-CAM; only with `explain`."
    )

    @classmethod
    def fields_of(cls, answer: Answer, name: str) -> dict[str, Any]:
        """Return the fields of an answer; the numbers are those of the command line."""
        record = answer.prediction.to_record()
        fields = {
            **record,
            "model": name,
            "predicted_class": record.pop("predicted"),
            "threshold": answer.prediction.threshold,
            "slice": answer.slice,
            "slices": answer.slices,
        }
        fields.pop("predicted", None)
        if answer.overlay is not None:
            fields["heatmap_png_base64"] = answer.overlay
        return fields


class PredictionResponse(Assessment):
    """The answer of `/predict`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, **_ENVELOPE}]})

    request_id: str
    elapsed_ms: float
    disclaimer: str = DISCLAIMER


class BatchAnswer(Assessment):
    """A slice of a batch that was assessed."""

    file: str = Field(description="A safe form of the file's name, with `zip/member` in a zip.")


class BatchProblem(BaseModel):
    """Why a file of a batch has no answer."""

    type: str
    title: str
    status: int
    detail: str


class BatchFailure(BaseModel):
    """A file of a batch that could not be assessed."""

    file: str
    error: BatchProblem


class BatchResponse(BaseModel):
    """The answer of `/predict/batch`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "cnn",
                    "results": [
                        {"file": "slice.jpg", **_EXAMPLE},
                        {
                            "file": "notes.png",
                            "error": {
                                "type": "urn:glialens:problem:unsupported-type",
                                "title": "Type not supported",
                                "status": 415,
                                "detail": "GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, "
                                "DICOM and NIfTI files. Received: a text file.",
                            },
                        },
                    ],
                    "answered": 1,
                    "failed": 1,
                    **_ENVELOPE,
                }
            ]
        }
    )

    model: str
    results: list[BatchAnswer | BatchFailure]
    answered: int
    failed: int
    request_id: str
    elapsed_ms: float
    disclaimer: str = DISCLAIMER


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(description="`urn:glialens:problem:` and the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="The rule, then what was received.")
    instance: str = Field(description="`urn:glialens:request:` and the request's id.")

"""One slice or many: the routes that everything else is for."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse

from api.answers import Answer, open_uploads, read_upload, take_piece
from api.deps import KEY, ServiceDep, check_fields, refusals
from api.errors import FieldError
from api.problems import document, kind_of
from api.schemas import Assessment, BatchResponse, PredictionResponse
from api.service import Service
from core import DISCLAIMER
from core.errors import GliaLensError, TooLargeError
from core.imaging.inputs import InputItem

router = APIRouter(tags=["predictions"], dependencies=[KEY])
_REFUSALS = refusals(400, 401, 413, 415, 422, 429, 503)
_BATCH_REFUSALS = refusals(400, 401, 413, 422, 429, 503)
_BATCH_WEIGHT = 8
_MOST_EXPLAINED = 32
# Only text fields count here; the gate bounds the whole body.
_FIELDS: Any = {"max_fields": 8, "max_part_size": 4096}

Model = Annotated[
    str | None,
    Form(
        description="Name of a model, or `ensemble` for the mean of all that are ready.",
        examples=["cnn"],
    ),
]
Explain = Annotated[bool, Form(description="Whether to draw where the model looked.")]


@router.post(
    "/predict",
    response_model=PredictionResponse,
    response_model_exclude_unset=True,
    responses=_REFUSALS,
    form_limits={**_FIELDS, "max_files": 1},
)
async def predict(
    request: Request,
    service: ServiceDep,
    file: Annotated[
        UploadFile,
        File(description="JPEG, PNG, BMP, TIFF, WebP, DICOM or NIfTI."),
    ],
    model: Model = None,
    explain: Explain = False,
    slice: Annotated[  # noqa: A002
        int | None, Form(description="Which slice of a volume, from 0; the middle one by default.")
    ] = None,
    volume: Annotated[
        int,
        Form(description="Which volume of a 4-D NIfTI file, from 1; any other file holds one."),
    ] = 1,
) -> Any:
    """Say what one slice shows, and how sure the model is."""
    started = time.perf_counter()
    form = await request.form()
    check_fields(request, form.keys(), ("file", "model", "explain", "slice", "volume"))
    name, names = service.wanted(model)
    request.state.model = name
    gather = service.settings.batch_size > 1
    async with service.work.place(request.receive) as place:
        models = await place.run(service.predictors, names)
        step = await place.run(
            read_upload, file, models, service.answers, explain, slice, gather, volume
        )
        answer = await service.answer(place, step, models)
    service.metrics.count(answer.prediction)
    return {**Assessment.fields_of(answer, name), **_envelope(request, started)}


@router.post(
    "/predict/batch",
    response_model=BatchResponse,
    responses=_BATCH_REFUSALS,
    form_limits={**_FIELDS, "max_files": 1000},
)
async def predict_batch(
    request: Request,
    service: ServiceDep,
    files: Annotated[
        list[UploadFile],
        File(description="Images, volumes or zips of them; `file`, repeated, works as well."),
    ] = [],  # noqa: B006
    file: Annotated[list[UploadFile], File(description="The same as `files`.")] = [],  # noqa: B006
    model: Model = None,
    explain: Explain = False,
) -> Any:
    """Say what many slices show; a file that can't be read doesn't spoil the others."""
    started = time.perf_counter()
    form = await request.form()
    check_fields(request, form.keys(), ("files", "file", "model", "explain"))
    uploads = [*files, *file]
    if not uploads:
        raise FieldError("A request has at least one field 'files'. Received: none.")
    most = service.settings.max_batch_files
    if len(uploads) > most:
        raise TooLargeError(f"A batch has at most {most} files. Received: {len(uploads)}.")
    name, names = service.wanted(model)
    request.state.model = name
    service.limiter.take(request.state.client, len(uploads) - 1, debt=True)
    results: list[dict[str, Any]] = []
    left = min(service.settings.max_batch_slices, _MOST_EXPLAINED if explain else 10**9)
    async with service.work.place(request.receive, _BATCH_WEIGHT) as place:
        models = await place.run(service.predictors, names)
        items = open_uploads(uploads)
        while left > 0:
            piece = await place.run(take_piece, items, models, explain, left)
            results += [_result(service, name, item, answer) for item, answer in piece]
            left -= len(piece)
            if not piece:
                break
        rest = await place.run(next, items, None) if left <= 0 else None
    if rest is not None:
        error = TooLargeError(
            f"A batch answers at most {len(results)} slices. Received: more; from here on "
            "nothing was assessed."
        )
        results.append(_failure(service, InputItem(rest.file, error=error)))
    failed = sum("error" in result for result in results)
    # The slices are checked one by one already; a second look at a long list takes its time.
    return JSONResponse(
        {
            "model": name,
            "results": results,
            "answered": len(results) - failed,
            "failed": failed,
            **_envelope(request, started),
        }
    )


def _result(service: Service, name: str, item: InputItem, answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return _failure(service, item)
    service.metrics.count(answer.prediction)
    return {"file": item.file, **Assessment.fields_of(answer, name)}


def _failure(service: Service, item: InputItem) -> dict[str, Any]:
    error = item.error or GliaLensError()
    kind = kind_of(error)
    service.metrics.rejections.labels(kind.slug).inc()
    problem = document(kind, str(error), "")
    del problem["instance"]
    return {"file": item.file, "error": problem}


def _envelope(request: Request, started: float) -> dict[str, Any]:
    return {
        "request_id": request.state.request_id,
        "elapsed_ms": round(1000.0 * (time.perf_counter() - started), 1),
        "disclaimer": DISCLAIMER,
    }

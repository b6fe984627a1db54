"""Is it there, is it ready, how is it doing."""

from fastapi import APIRouter, Response

from api.deps import KEY, ServiceDep, refusals
from api.errors import LoadingError
from api.schemas import Health, ModelReady, Overview
from core import __version__
from core.errors import ModelNotReadyError

router = APIRouter(tags=["health"])


@router.get("/", responses=refusals(503))
async def overview(service: ServiceDep) -> Overview:
    """Say which service this is and which models are ready."""
    statuses = service.statuses()
    models = [ModelReady(name=s.name, ready=s.ready and service.loaded) for s in statuses]
    return Overview(version=__version__, models=models)


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process is alive."""
    return Health()


@router.get("/readyz", responses=refusals(503))
async def readyz(service: ServiceDep) -> Health:
    """Say whether at least one model can answer."""
    if not service.loaded:
        raise LoadingError(
            "The service is ready once its models are loaded. Received: a request before that.", 5
        )
    if not service.ready():
        raise ModelNotReadyError(
            "At least one model must be ready. Received: none; see /models for the reasons."
        )
    return Health()


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[KEY],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **refusals(401, 429, 503),
    },
)
async def metrics(service: ServiceDep) -> Response:
    """Give the figures to Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

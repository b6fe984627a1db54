"""Which models there are."""

from fastapi import APIRouter

from api.deps import ServiceDep, refusals
from api.schemas import ModelInfo, ModelList
from core.models.registry import ModelStatus, get_spec

router = APIRouter(tags=["models"])


@router.get("/models", responses=refusals(503))
async def models(service: ServiceDep) -> ModelList:
    """List the models with what their cards say."""
    ready = service.ready()
    default = service.settings.default_model or (ready[0] if ready else None)
    return ModelList(
        models=[_info(status, service.loaded) for status in service.statuses()],
        default=default,
        ensemble=ready,
    )


def _info(status: ModelStatus, loaded: bool) -> ModelInfo:
    spec, card = get_spec(status.name), status.card
    return ModelInfo(
        name=status.name,
        ready=status.ready and loaded,
        title=spec.title,
        summary=spec.summary,
        source=spec.source,
        reason="The models are being loaded." if status.ready and not loaded else status.reason,
        input_size=card.input_size if card else spec.input_size,
        labels=list(card.labels) if card else None,
        sha256=card.sha256 if card else None,
        license=card.license or None if card else None,
        metrics=card.metrics if card else None,
        created=card.created if card else None,
    )

"""The app: put together by `create_app`, started by `python -m core serve`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi

from api import problems
from api.gate import Gate
from api.routes import health, models, predict
from api.schemas import Problem
from api.service import Service
from api.settings import ServiceSettings, load_settings
from core import DISCLAIMER, __version__
from core.settings import get_settings


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    # In the background: /healthz answers at once, /readyz when the models are there.
    loading = asyncio.create_task(service.load())
    yield
    loading.cancel()
    with suppress(asyncio.CancelledError):
        await loading
    service.close()


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """Build the app.

    Args:
        settings: The service's settings; those of the environment by default.

    Raises:
        SettingsError: If a variable's value breaks its rule.
        UnknownModelError: If the settings name a model that the registry doesn't know.
    """
    settings = settings or load_settings()
    # Those that the service shares with the other commands fail here, too, not at a request.
    get_settings()
    service = Service(settings)
    app = FastAPI(
        title="GliaLens",
        version=__version__,
        summary="Brain-tumour MRI classification that is honest about its own accuracy.",
        description=DISCLAIMER,
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    for router in (health.router, models.router, predict.router):
        app.include_router(router)
    app.add_middleware(Gate, service=service)
    if settings.cors_origins:
        # Last added, outermost: refusals need its headers, too.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["X-API-Key", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
    )
    # Refusals only refer to it, because they aren't application/json.
    schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return schema

"""What routes share: the service's state, the key in OpenAPI, the check of fields."""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from api.errors import FieldError
from api.problems import KINDS, MEDIA_TYPE, document
from api.service import Service

# The gate checks the key before the body is read; this only tells OpenAPI.
_header = APIKeyHeader(
    name="X-API-Key", auto_error=False, description="Needed once GLIALENS_API_KEYS is set."
)
KEY = Security(_header)


def get_service(request: Request) -> Service:
    """Return the state of the app that serves a request."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


def check_fields(request: Request, sent: Collection[str], allowed: Collection[str]) -> None:
    """Refuse what would be ignored in silence: unknown fields, and fields in the address.

    Raises:
        FieldError: For the first of them.
    """
    for name in request.query_params:
        raise FieldError(
            f"Fields travel in the form, not in the address. Received: {_shown(name)} there."
        )
    for name in sent:
        if name not in allowed:
            raise FieldError(
                f"The fields are {', '.join(allowed)}. Received: a field {_shown(name)}."
            )


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:60] + "…")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of refusals, with an example for each kind of problem."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        kinds = [kind for kind in KINDS.values() if kind.status == status and kind.example]
        examples = {
            kind.slug: {
                "summary": kind.title,
                "value": document(kind, kind.example, "0c7d1c5f6f5d4c1e9a55a3d2b9f0b7aa"),
            }
            for kind in kinds
        }
        schema = {"$ref": "#/components/schemas/Problem"}
        found[status] = {
            "description": "; ".join(kind.title for kind in kinds),
            "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
        }
        if status in (429, 503):
            found[status]["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            }
    return found

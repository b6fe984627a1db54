from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.problems import KINDS

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
PREDICT_REFUSALS = {"400", "401", "413", "415", "422", "429", "503"}


def test_every_route_describes_its_answers_and_refusals(client):
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/models",
        "/predict",
        "/predict/batch",
    }
    responses = schema["paths"]["/predict"]["post"]["responses"]
    assert set(responses) == {"200", *PREDICT_REFUSALS}
    for status in PREDICT_REFUSALS:
        content = responses[status]["content"]
        assert set(content) == {"application/problem+json"}
        examples = content["application/problem+json"]["examples"]
        assert examples
        for example in examples.values():
            assert example["value"]["status"] == int(status)
            assert "Received: " in example["value"]["detail"]
    assert "Problem" in schema["components"]["schemas"]
    assert "Retry-After" in responses["429"]["headers"]
    assert "APIKeyHeader" in schema["components"]["securitySchemes"]
    body = schema["components"]["schemas"]["PredictionResponse"]["examples"][0]
    assert body["predicted_class"]


def test_examples_are_told_in_the_words_of_the_core():
    for kind in KINDS.values():
        assert not kind.example or kind.example.endswith(".")


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_nothing_that_openapi_allows_or_forbids_ends_in_a_500(make_server, mode):
    url, _ = make_server(rate_limit=0)
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", timeout=60)
    statuses = set()
    for result in schema.get_all_operations():
        for status in _statuses(result.ok(), mode):
            statuses.add(status)
    assert 500 not in statuses
    assert statuses & {200, 405, 415, 422}


def _statuses(operation, mode):
    """Send what Schemathesis makes up for one operation, and check the answers by the schema."""
    seen = set()

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        response = case.call(timeout=60)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    with suppress(Unsatisfiable):  # A route without parameters has nothing to get wrong.
        run()
    return seen

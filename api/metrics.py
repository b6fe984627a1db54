"""What Prometheus reads: counts and times, none of them about a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from core.types import Prediction

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        # A registry of its own, so that two apps in one process don't share figures.
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "glialens_requests", "Requests answered", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "glialens_request_seconds",
            "Seconds from the first byte of a request to the last of its answer",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue = Gauge(
            "glialens_queue", "Requests that wait or are worked on", registry=self.registry
        )
        self.predictions = Counter(
            "glialens_predictions",
            "Slices answered",
            ("model", "predicted", "accepted"),
            registry=self.registry,
        )
        self.rejections = Counter(
            "glialens_rejections", "Requests and files refused", ("reason",), registry=self.registry
        )
        self.batches = Histogram(
            "glialens_model_batch",
            "Slices of different requests that went through a model together",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.cached = Counter(
            "glialens_cached_answers", "Answers that were known already", registry=self.registry
        )

    def count(self, prediction: Prediction) -> None:
        """Count one answer."""
        accepted = "true" if prediction.accepted else "false"
        self.predictions.labels(prediction.model, prediction.predicted, accepted).inc()

    def text(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        return generate_latest(self.registry)

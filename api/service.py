"""What lives as long as the service: models, queue, cache, figures."""

import asyncio
import logging
from collections.abc import Sequence

from api.answers import Answer, Answers, Pending
from api.batching import Batcher
from api.errors import LoadingError
from api.keys import Keys
from api.limits import RateLimiter
from api.metrics import Metrics
from api.settings import ServiceSettings
from api.work import Place, Work
from core.ensemble import ENSEMBLE, mean_prediction
from core.errors import GliaLensError, ModelNotReadyError, UnknownModelError
from core.inference import Predictor, get_predictor
from core.models import registry
from core.models.registry import ModelStatus
from core.settings import get_settings

LOGGER = logging.getLogger("glialens.service")
_Stamp = tuple[tuple[int, int] | None, ...]


class Service:
    """The state of one app.

    Args:
        settings: The service's settings.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.keys = Keys(settings.api_keys)
        self.limiter = RateLimiter(settings.rate_limit)
        self.work = Work(settings.workers, settings.queue_length, settings.answer_seconds)
        self.batcher = Batcher(self.work.pool, settings.batch_size, self.metrics)
        self.answers = Answers(settings.cache_entries, self.metrics.cached.inc)
        self.loaded = False
        self._failures: dict[str, tuple[_Stamp, str]] = {}
        self.metrics.queue.set_function(lambda: self.work.taken)
        for name in (*settings.models, *filter(None, [settings.default_model])):
            registry.get_spec(name)

    async def load(self) -> None:
        """Load every wanted model that is published, and compile it."""
        loop = asyncio.get_running_loop()
        for status in self.statuses():
            if status.ready:
                await loop.run_in_executor(self.work.pool, self._warm_up, status.name)
        self.loaded = True
        LOGGER.info("models loaded: %s", ", ".join(self.ready()) or "none")

    def _warm_up(self, name: str) -> None:
        try:
            self.predictor(name).warm_up()
        except GliaLensError as error:
            # What fits on disk may still not start, such as a pass whose package is missing.
            self._failures[name] = (_stamp(name), str(error))
            LOGGER.warning("model %s is not ready: %s", name, error)

    def close(self) -> None:
        """Stop working."""
        self.work.close()

    def statuses(self) -> list[ModelStatus]:
        """Return every wanted model with what is known of it, in the registry's order."""
        wanted = self.settings.models or tuple(registry.MODELS)
        return [
            ModelStatus(s.name, s.title, False, self._failures[s.name][1], s.card)
            if s.ready and s.name in self._failures and self._failures[s.name][0] == _stamp(s.name)
            else s
            for s in registry.statuses()
            if s.name in wanted
        ]

    def ready(self) -> list[str]:
        """Return the names of the models that can answer."""
        return [status.name for status in self.statuses() if status.ready]

    def wanted(self, name: str | None) -> tuple[str, list[str]]:
        """Return what an answer will call its model, and the models to ask.

        Args:
            name: A model's name, `ensemble`, or None for the default.

        Raises:
            UnknownModelError: If there is no model of that name.
            ModelNotReadyError: If it isn't ready.
            LoadingError: If the models are still being loaded.
        """
        statuses = {status.name: status for status in self.statuses()}
        name = name or self.settings.default_model
        if name is not None and name not in (*statuses, ENSEMBLE):
            known = ", ".join((*statuses, ENSEMBLE))
            shown = name if len(name) <= 60 else name[:60] + "…"
            raise UnknownModelError(f"The model is one of: {known}. Received: {shown!r}.")
        if not self.loaded:
            raise LoadingError(
                "The service answers once its models are loaded. Received: a request before that.",
                5,
            )
        ready = [status.name for status in statuses.values() if status.ready]
        if name is not None and name != ENSEMBLE:
            status = statuses[name]
            # Trying tells whether one that failed loads by now.
            if not status.ready and name not in self._failures:
                raise ModelNotReadyError(str(status.reason))
            return name, [name]
        if not ready:
            raise ModelNotReadyError(
                "At least one model must be ready. Received: none; see /models for the reasons."
            )
        return (ENSEMBLE, ready) if name == ENSEMBLE else (ready[0], ready[:1])

    def predictor(self, name: str) -> Predictor:
        """Return a loaded model, and remember why where it can't be loaded.

        Raises:
            ModelNotReadyError: If weights or card are missing, damaged, or don't fit, or its pass
                can't be started.
        """
        stamp = _stamp(name)
        try:
            predictor = get_predictor(name)
            if name in self._failures:
                predictor.warm_up()
        except GliaLensError as error:
            # It counts as failed for as long as its files are these.
            self._failures[name] = (stamp, str(error))
            raise ModelNotReadyError(str(error)) from error
        self._failures.pop(name, None)
        return predictor

    def predictors(self, names: Sequence[str]) -> list[Predictor]:
        """Return several loaded models; blocking, as `predictor`."""
        return [self.predictor(name) for name in names]

    async def answer(self, place: Place, step: Answer | Pending, models: list[Predictor]) -> Answer:
        """Return an answer, letting a slice that waits go through its models with others."""
        if isinstance(step, Answer):
            return step
        futures = [self.batcher.submit(model, step.slice) for model in models]
        try:
            found = [await place.wait(future) for future in futures]
        finally:
            for future in futures:
                future.cancel()
        prediction = found[0] if len(found) == 1 else mean_prediction(found)
        answer = Answer(prediction, step.slice.index, step.slices)
        self.answers.put(step.key, answer)
        return answer


def _stamp(name: str) -> _Stamp:
    """Return when a model's files were written and how large they are."""
    folder = get_settings().weights_dir / name
    found: list[tuple[int, int] | None] = []
    for file in ("card.json", "weights.safetensors"):
        try:
            status = (folder / file).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)

"""The phases of a run: one, or the head first and then fine-tuning, each with its own rate."""

import math
from dataclasses import dataclass

from core.training.config import TrainConfig

BASE = "base"


@dataclass(frozen=True)
class Phase:
    """Epochs that train the same layers.

    Attributes:
        start: First epoch, from 0.
        end: The epoch after the last one.
        rate: Peak learning rate.
        through: Last frozen layer, `base` for all before the head; empty for none.
        before: First trained layer, where the frozen part is named by its end.
    """

    start: int
    end: int
    rate: float
    through: str = ""
    before: str = ""

    @property
    def frozen(self) -> bool:
        """Whether a part of the network keeps its weights."""
        return bool(self.through or self.before)


def plan(config: TrainConfig) -> tuple[Phase, ...]:
    """Return the phases of a run, in order and without a gap."""
    if not config.head_epochs:
        return (Phase(0, config.epochs, config.learning_rate, through=config.freeze),)
    rate = config.fine_tune_rate or config.learning_rate / 10.0
    return (
        Phase(0, config.head_epochs, config.learning_rate, through=config.freeze or BASE),
        Phase(config.head_epochs, config.epochs, rate, before=config.fine_tune_from),
    )


def phase_of(phases: tuple[Phase, ...], epoch: int) -> Phase:
    """Return the phase of an epoch (from 0); the last one for epochs after the end."""
    return next((phase for phase in phases if epoch < phase.end), phases[-1])


def learning_rate(config: TrainConfig, phase: Phase, epoch: int, step: int, steps: int) -> float:
    """Return the learning rate of a step: a linear warm-up and half a cosine in each phase.

    Args:
        config: Schedule and warm-up.
        phase: The phase of the epoch.
        epoch: From 0.
        step: From 0.
        steps: Steps of an epoch.
    """
    if config.schedule == "constant":
        return phase.rate
    done = epoch - phase.start + step / steps
    warmup = config.warmup_epochs
    if done < warmup:
        return phase.rate * (done + 1 / steps) / (warmup + 1 / steps)
    span = max(phase.end - phase.start - warmup, 1e-9)
    share = min((done - warmup) / span, 1.0)
    return phase.rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * share)))


def momentum(config: TrainConfig, phase: Phase, steps: int) -> float:
    """Return the momentum of the weight average, lower where the training is short.

    It would mostly hold weights from before the training otherwise.

    Args:
        config: The momentum of a long training.
        phase: The phase.
        steps: Steps of an epoch.
    """
    return max(min(config.averaging, 1.0 - 3.0 / ((phase.end - phase.start) * steps)), 0.0)

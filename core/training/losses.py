"""Losses that may be told less than everything: partial labels and unknown places."""

from collections.abc import Callable
from typing import Any

from keras import ops

_LOG_OF_NONE = -1e9
_LESION_GAIN = 2.0


def partial_cross_entropy(allowed: Any, logits: Any) -> Any:
    """Minus the log of the summed probability of every class the slice may be.

    With one allowed class this is the ordinary cross-entropy. "Some tumour, type unknown" is a
    one for each tumour class.

    Args:
        allowed: Float tensor of shape (batch, classes), ones and zeros.
        logits: Float tensor of the same shape.

    Returns:
        Float tensor of shape (batch,), at least 0.
    """
    masked = logits + (1.0 - allowed) * _LOG_OF_NONE
    return ops.logsumexp(logits, axis=-1) - ops.logsumexp(masked, axis=-1)


def taught(share: float) -> Callable[[Any, Any], Any]:
    """Return the loss of a student: what its label allows, and what its teachers answer.

    Args:
        share: Weight of the teachers, in 0 to 1; the label's is the rest.

    Returns:
        A function from a target of shape (batch, 2 * classes), the allowed classes and then the
        teachers' probabilities, and logits of shape (batch, classes) to a loss of shape (batch,).
        Where the probabilities are zeros nobody was asked, and the label counts alone.
    """

    def loss(target: Any, logits: Any) -> Any:
        allowed, answer = ops.split(target, 2, axis=-1)
        distance = -ops.sum(answer * ops.log_softmax(logits, axis=-1), axis=-1)
        own = 1.0 - share * ops.sum(answer, axis=-1)
        return own * partial_cross_entropy(allowed, logits) + share * distance

    return loss


def lesion_loss(target: Any, logits: Any) -> Any:
    """Binary cross-entropy of the lesion map where the place of the lesion is known.

    Args:
        target: Float tensor of shape (batch, rows, columns, 1), in 0 to 1, or -1 where it is
            unknown.
        logits: Float tensor of the same shape.

    Returns:
        Float tensor of shape (batch,): the mean over known cells, lesion cells counting double;
        0 where none is known.
    """
    known = ops.cast(target >= 0.0, logits.dtype)
    wanted = ops.maximum(target, 0.0)
    loss = ops.softplus(logits) - wanted * logits
    weight = known * (1.0 + (_LESION_GAIN - 1.0) * wanted)
    total = ops.sum(weight * loss, axis=(1, 2, 3))
    return total / ops.maximum(ops.sum(weight, axis=(1, 2, 3)), 1.0)


def place_loss(target: Any, logits: Any) -> Any:
    """Minus the log of the share of the head's attention that lies where the lesion is.

    The mean over places in `lesion_loss` hardly minds a single wrong one, but a single one decides
    where the logits are high: the head listens to their exponentials.

    Args:
        target: As for `lesion_loss`; attention to unknown places isn't held against a slice.
        logits: Float tensor of the same shape.

    Returns:
        Float tensor of shape (batch,), at least 0; 0 for slices without a known lesion.
    """
    shape = (ops.shape(target)[0], -1)
    target, logits = ops.reshape(target, shape), ops.reshape(logits, shape)
    allowed = ops.cast(target != 0.0, logits.dtype)
    located = ops.cast(ops.any(target > 0.0, axis=-1), logits.dtype)
    return located * partial_cross_entropy(allowed, logits)


def on_the_map(place_weight: float) -> Callable[[Any, Any], Any]:
    """Return the whole loss of a lesion map.

    Args:
        place_weight: Weight of `place_loss` beside `lesion_loss`, at least 0.
    """
    if not place_weight:
        return lesion_loss
    return lambda target, logits: (
        lesion_loss(target, logits) + place_weight * place_loss(target, logits)
    )


def allowed_accuracy(allowed: Any, logits: Any) -> Any:
    """Share of slices whose most probable class is an allowed one; shape (batch,).

    What teachers answered may stand behind the allowed classes.
    """
    allowed = allowed[:, : logits.shape[-1]]
    best = ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype=allowed.dtype)
    return ops.sum(best * allowed, axis=-1)

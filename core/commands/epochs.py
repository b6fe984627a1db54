"""What a person sees of a training: one bar an epoch, then one line that stays."""

from types import TracebackType
from typing import Any

from tqdm import tqdm

from core.commands.progress import open_bar, say


class EpochScreen:
    """Draws the trainer's reports on stderr.

    Attributes:
        history: The trainer's history, which grows by one dict per finished epoch.

    Args:
        epochs: Number of epochs of the run.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.history: list[dict[str, float]] = []
        self._said = 0
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def __enter__(self) -> "EpochScreen":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish."""
        self.finish()

    def finish(self) -> None:
        """Close the bar and say what was not said yet."""
        self._close()
        self._say_epochs()

    def skip(self) -> None:
        """Take the epochs of an earlier session as said."""
        self._said = len(self.history)

    def report(self, step: int, steps: int, now: dict[str, float]) -> None:
        """Draw one step.

        Args:
            step: Steps that are done.
            steps: Steps of the epoch, or slices to decode.
            now: `epoch`, `loss` and `accuracy` so far; empty while slices are decoded; a
                single other key names other work, such as `features`.
        """
        training = "epoch" in now
        what = next(iter(now), "decoding")
        if training:
            what = f"epoch {now['epoch']:.0f}/{self.epochs}"
        if what != self._what:
            self._close()
            self._say_epochs()
            self._bar, self._what = open_bar(steps, what, "step" if now else "slice"), what
        assert self._bar is not None  # noqa: S101 - narrows the type
        if training:
            self._bar.set_postfix_str(
                f"loss {now['loss']:.4f}, accuracy {now['accuracy']:.4f}", refresh=False
            )
        self._bar.update(step - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what = None, ""

    def _say_epochs(self) -> None:
        while self._said < len(self.history):
            self._said += 1
            say(self._line(self.history[self._said - 1]))

    def _line(self, row: dict[str, float]) -> str:
        left = row["seconds"] * (self.epochs - row["epoch"])
        return (
            f"epoch {row['epoch']:.0f}/{self.epochs}  loss {row['loss']:.4f}  "
            f"accuracy {row['accuracy']:.4f}  val_loss {row['val_loss']:.4f}  "
            f"val_accuracy {row['val_accuracy']:.4f}  {row['seconds']:.1f} s  "
            f"about {tqdm.format_interval(left)} left"
        )

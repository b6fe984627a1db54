"""What a model says of a slice, in plain words: `core.reading` under the screens' names."""

from core.reading import percent, place, why_not_accepted
from core.reading import read_plainly as summary

__all__ = ["percent", "place", "summary", "why_not_accepted"]

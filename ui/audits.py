"""Whether a file is an audit: the Dataset screen relies on these fields."""

from typing import Any, Final

_WHOLE: Final = {"source", "images", "distinct", "counts"}
_TEST: Final = {"images", "exact_in_train", "twin_in_train"}
_PAIR: Final = {"first", "second", "correlation", "exact"}
_PAIRS: Final = ("twins_across", "twins_within", "conflicts")


def is_audit(found: dict[str, Any]) -> bool:
    """Tell whether a JSON object has what `core.data.audit_report` writes, where it is shown."""
    if not found.keys() >= _WHOLE:
        return False
    counts, test = found["counts"], found.get("test") or {}
    if not isinstance(counts, dict) or not isinstance(test, dict):
        return False
    lists = [found.get(kind) or [] for kind in _PAIRS]
    return (
        isinstance(found["images"], int)
        and isinstance(found["distinct"], int)
        and all(isinstance(row, dict) for row in counts.values())
        and (not test.get("share") or test.keys() >= _TEST)
        and all(isinstance(pairs, list) for pairs in lists)
        and all(isinstance(pair, dict) and pair.keys() >= _PAIR for p in lists for pair in p)
    )

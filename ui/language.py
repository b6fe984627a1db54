"""The words of the screens in the reader's language."""


def _(message: str) -> str:
    """Return a sentence in the chosen language.

    Args:
        message: The English sentence, a literal, with `{name}` where `.format` fills in.
    """
    return message


def ngettext(one: str, many: str, count: int) -> str:
    """Return the singular or the plural of a sentence in the chosen language.

    Args:
        one: The English singular, a literal.
        many: The English plural, a literal.
        count: What decides.
    """
    return one if count == 1 else many

"""Patterns that users write down, searched for in what strangers answer."""

import re2

# Note [Users' patterns]
# A pattern of a user's, run over an answer that anybody may have sent, must not be able to stop
# a server. So it is searched for by RE2: in time that grows with the answer and no faster, within a
# fixed amount of memory. What that cannot do (looking ahead or behind, referring back) is
# refused when the pattern is written down, by name.
_LONGEST = 1000
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def fault(pattern: str) -> str | None:
    """Return why something cannot be a pattern, or None. See Note [Users' patterns]."""
    if len(pattern) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        said = error.args[0] if error.args else error
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return None


def found(pattern: str, text: str) -> bool:
    """Return whether the text has the pattern somewhere; one that is none is in no text."""
    return fault(pattern) is None and re2.compile(pattern, _OPTIONS).search(text) is not None

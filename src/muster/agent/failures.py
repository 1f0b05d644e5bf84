"""What the agent answers with where it did not do what was asked of it."""

from muster.base.errors import MusterError


class Undone(MusterError):
    """What was asked for failed half-way, and what was before is there again."""

    code = "agent.undone"


class Refusing(Undone):
    """A program ended by itself and said no, so that it has nothing to be taken back."""


class TurnedAway(Undone):
    """Whoever was called answered, and said no."""

    code = "agent.turned_away"


class WrongMethod(MusterError):
    """The path is known, and nothing of the kind is done there."""

    code = "agent.wrong_method"

"""How many members a cluster should have now: one pure function, `react`."""

from muster.decide.scaling.case import in_window
from muster.decide.scaling.decision import react, remembered, repeats

__all__ = ["in_window", "react", "remembered", "repeats"]

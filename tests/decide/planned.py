"""What plans are asked in tests: a cluster of three, and what came out."""

from builders import a_cluster


def three(**but):
    return a_cluster(**{"desired": 3, "next_index": 4} | but)


def kinds(decided):
    return [each.kind for each in decided.events]


def steps(decided, kind):
    return [each for each in decided.steps if isinstance(each, kind)]


def gone(decided):
    return sorted(n.index for n in decided.put if n.leaving)

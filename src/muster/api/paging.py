"""The query grammar of lists: limit, marker, sort, filters, projects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from muster.api.call import Call, Param
from muster.base.errors import Forbidden, Invalid
from muster.model.who import Right
from muster.ports.store import Query
from muster.service.lookup import as_id

_LARGEST = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one list can be filtered and sorted by: the words of the API, and the columns."""

    filters: Mapping[str, Iterable[str] | None] = field(default_factory=dict)  # None: any word
    sort: Mapping[str, str] = field(default_factory=dict)
    default: str = "created_at"  # "": by id alone

    @property
    def params(self) -> Mapping[str, Param]:
        """The query parameters of this list, for the reader and for the document."""
        keys = ", ".join(self.sort)
        return {
            "limit": Param("at most so many", {"type": "integer", "minimum": 0}),
            "marker": Param("id of the last one of the page before"),
            "sort": Param(f"key[:asc|desc], several by comma; keys: {keys}"),
            "global_project": Param("true: of every project; admins only", {"type": "boolean"}),
            **{name: Param("exactly this; may be repeated") for name in self.filters},
        }


def query(call: Call, listing: Listing) -> Query:
    """Return the store's query for what a caller asked of a list."""
    params = call.request.query_params
    where = {
        name: _values(name, kind, params.getall(name))
        for name, kind in listing.filters.items()
        if name in params
    }
    return Query(
        where=where,
        project=_scope(call),
        sort=_sort(params.get("sort") or listing.default, listing),
        marker=_marker(params.get("marker")),
        limit=_limit(params.get("limit")),
        paged=True,
        reader=call.who.user,
    )


def _refusal(text: str, field: str) -> Invalid:
    return Invalid(text, field=field, type="HTTPBadRequest")


def _values(name: str, kind: Iterable[str] | None, said: Sequence[str]) -> tuple[str, ...]:
    for each in said:
        if kind is not None and each not in list(kind):
            raise _refusal(f"Field value {each} is invalid", name)
    return tuple(said)


def _scope(call: Call) -> str | None:
    """Return the project to look in. Whoever sees every project is never narrowed to his own."""
    said = call.word("global_project").lower()
    if said not in ("", "true", "false"):
        text = f"Invalid value '{call.word('global_project')}' specified for 'global_project'"
        raise _refusal(text, "global_project")
    if said == "true" and not call.who.may(Right.EVERY_PROJECT):
        raise Forbidden("You are not authorized to complete this operation.")
    return call.who.scope


def _sort(said: str, listing: Listing) -> tuple[tuple[str, bool], ...]:
    wanted = []
    for each in said.split(",") if said else ():
        key, _, direction = each.partition(":")
        if not key:
            raise _refusal("Missing sort key for 'sort'.", "sort")
        if key not in listing.sort:
            raise _refusal(f"Unsupported sort key '{key}' for 'sort'.", "sort")
        if direction not in ("", "asc", "desc"):
            raise _refusal(f"Unsupported sort dir '{direction}' for 'sort'.", "sort")
        wanted.append((listing.sort[key], direction == "desc"))
    return tuple(wanted)


def _marker(said: str | None) -> UUID | None:
    if not said:
        return None
    id = as_id(said)
    if id is None:
        raise _refusal(f"The value for marker is not a valid UUID: '{said}'.", "marker")
    return id


def _limit(said: str | None) -> int | None:
    if not said:
        return None
    digits = said.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 12):
        raise _refusal(f"The value for limit must be an integer: '{said}'.", "limit")
    if said.startswith("-"):
        raise _refusal("Value must be >= 0 for field 'limit'.", "limit")
    return min(int(said), _LARGEST)

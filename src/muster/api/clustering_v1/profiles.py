"""The routes of profiles."""

from litestar import delete, get, patch, post

from muster.api.call import Asked, Word
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import serves
from muster.api.clustering_v1.bodies import MAP, NAME, Body, Field, read
from muster.api.paging import Listing, query
from muster.service import profiles
from muster.service.profiles import ProfileAsk

PROFILES = Listing(
    filters={"name": None, "type": None},
    sort={key: key for key in ("type", "name", "created_at", "updated_at")},
)
CREATE = Body(
    key="profile",
    fields={
        "name": Field(kind=NAME, required=True),
        "spec": Field(kind=MAP, required=True),
        "metadata": Field(kind=MAP, null=True),
    },
)
VALIDATE = Body(key="profile", fields={"spec": Field(kind=MAP, required=True)})
CHANGE = Body(
    key="profile",
    fields={"name": Field(kind=NAME, null=True), "metadata": Field(kind=MAP, null=True)},
    change=True,
)


@get("/v1/profiles", opt=serves(query=PROFILES.params))
async def list_profiles(call: Asked) -> dict[str, list[render.ProfileOut]]:
    """List profiles, those that were made with a cluster too."""
    found = await profiles.listing(call.desk, query(call, PROFILES))
    return {"profiles": [render.profile(each) for each in found]}


@post("/v1/profiles", status_code=201, opt=serves(body=CREATE))
async def create_profile(call: Asked) -> dict[str, render.ProfileOut]:
    """Write down what nodes are to be made of; what it names is looked up in the cloud."""
    ask = ProfileAsk(**await read(call.request, CREATE))
    return {"profile": render.profile(await profiles.creation(call.desk, call.who, ask))}


@post("/v1/profiles/validate", status_code=200, opt=serves(since=2, body=VALIDATE))
async def validate_profile(call: Asked) -> dict[str, render.ProfileOut]:
    """Check a specification, and keep nothing."""
    spec = (await read(call.request, VALIDATE))["spec"]
    kind = await profiles.validated(call.desk, call.who, spec)
    return {"profile": render.validated_profile(call.who, kind.key, spec)}


@get("/v1/profiles/{identity:str}", opt=serves())
async def show_profile(call: Asked, identity: Word) -> dict[str, render.ProfileOut]:
    """Show a profile."""
    return {"profile": render.profile(await profiles.show(call.desk, call.who, identity))}


@patch("/v1/profiles/{identity:str}", status_code=200, opt=serves(body=CHANGE))
async def update_profile(call: Asked, identity: Word) -> dict[str, render.ProfileOut]:
    """Change name or metadata; what nodes are made of never changes."""
    said = await read(call.request, CHANGE)
    name, metadata = said.get("name"), said.get("metadata")
    changed = await profiles.update(call.desk, call.who, identity, name, metadata)
    return {"profile": render.profile(changed)}


@delete("/v1/profiles/{identity:str}", opt=serves())
async def delete_profile(call: Asked, identity: Word) -> None:
    """Delete a profile that nothing is made of."""
    await profiles.deletion(call.desk, call.who, identity)


ROUTES = (
    list_profiles,
    create_profile,
    validate_profile,
    show_profile,
    update_profile,
    delete_profile,
)

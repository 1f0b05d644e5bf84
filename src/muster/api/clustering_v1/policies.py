"""The routes of policies."""

from litestar import delete, get, patch, post

from muster.api.call import Asked, Word
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import serves
from muster.api.clustering_v1.bodies import MAP, NAME, Body, Field, read
from muster.api.paging import Listing, query
from muster.service import policies

POLICIES = Listing(
    filters={"name": None, "type": None},
    sort={key: key for key in ("type", "name", "created_at", "updated_at")},
)
CREATE = Body(
    key="policy",
    fields={
        "name": Field(kind=NAME, required=True),
        "spec": Field(kind=MAP, required=True),
    },
)
VALIDATE = Body(key="policy", fields={"spec": Field(kind=MAP, required=True)})
RENAME = Body(key="policy", fields={"name": Field(kind=NAME, required=True)}, change=True)


@get("/v1/policies", opt=serves(query=POLICIES.params))
async def list_policies(call: Asked) -> dict[str, list[render.PolicyOut]]:
    """List policies."""
    found = await policies.listing(call.desk, query(call, POLICIES))
    return {"policies": [render.policy(each) for each in found]}


@post("/v1/policies", status_code=201, opt=serves(body=CREATE))
async def create_policy(call: Asked) -> dict[str, render.PolicyOut]:
    """Write a policy down; it does nothing before it is attached to a cluster."""
    said = await read(call.request, CREATE)
    made = await policies.creation(call.desk, call.who, said["name"], said["spec"])
    return {"policy": render.policy(made)}


@post("/v1/policies/validate", status_code=200, opt=serves(since=2, body=VALIDATE))
async def validate_policy(call: Asked) -> dict[str, render.PolicyOut]:
    """Check a specification, and keep nothing."""
    spec = (await read(call.request, VALIDATE))["spec"]
    kind = policies.checked(call.desk, spec).kind
    return {"policy": render.validated_policy(call.who, kind.key, spec)}


@get("/v1/policies/{identity:str}", opt=serves())
async def show_policy(call: Asked, identity: Word) -> dict[str, render.PolicyOut]:
    """Show a policy."""
    return {"policy": render.policy(await policies.show(call.desk, call.who, identity))}


@patch("/v1/policies/{identity:str}", status_code=200, opt=serves(body=RENAME))
async def update_policy(call: Asked, identity: Word) -> dict[str, render.PolicyOut]:
    """Rename a policy; what it says never changes."""
    name = (await read(call.request, RENAME))["name"]
    return {"policy": render.policy(await policies.renaming(call.desk, call.who, identity, name))}


@delete("/v1/policies/{identity:str}", opt=serves())
async def delete_policy(call: Asked, identity: Word) -> None:
    """Delete a policy that is attached nowhere."""
    await policies.deletion(call.desk, call.who, identity)


ROUTES = (
    list_policies,
    create_policy,
    validate_policy,
    show_policy,
    update_policy,
    delete_policy,
)

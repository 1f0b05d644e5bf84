"""The routes of templates of clusters."""

from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import RENAME, TEMPLATE, VALUES, settable
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.model.who import Right
from muster.service.provisioning import templates
from muster.service.provisioning.templates import TemplateAsk

_OPERATE = {"right": Right.OPERATE}
_KIND = "cluster-templates"


@get("/1.0/provisioning/cluster-templates", opt={"query": render.LISTS, **_OPERATE})
async def list_templates(call: Asked) -> Response[Any]:
    """List cluster templates."""
    found = await templates.listing(call.desk)
    return done(render.listed(call, _KIND, found, render.template))


@post("/1.0/provisioning/cluster-templates", opt={"body": TEMPLATE, **_OPERATE})
async def create_template(call: Asked) -> Response[Any]:
    """Keep a template: two documents with @VARIABLES@, and what those are."""
    made = await templates.created(call.desk, TemplateAsk(**await call.fields(TEMPLATE)))
    return done(render.template(made), 201, render.at(_KIND, made.name))


@get("/1.0/provisioning/cluster-templates/{name:str}", opt=_OPERATE)
async def show_template(call: Asked, name: Word) -> Response[Any]:
    """Show a cluster template."""
    found = await templates.show(call.desk, name)
    return tagged(render.template(found), render.template_settable(found))


@put("/1.0/provisioning/cluster-templates/{name:str}", opt={"body": TEMPLATE, **_OPERATE})
async def update_template(call: Asked, name: Word) -> Response[Any]:
    """Give a template other documents; clusters made of it stay as they are."""
    ask = TemplateAsk(**await settable(call, TEMPLATE))
    await templates.changed(call.desk, name, ask, held_to(call, render.template_settable))
    return done(None, 201, render.at(_KIND, name))


@post("/1.0/provisioning/cluster-templates/{name:str}", opt={"body": RENAME, **_OPERATE})
async def rename_template(call: Asked, name: Word) -> Response[Any]:
    """Call a template otherwise."""
    to = (await call.fields(RENAME))["name"]
    await templates.renamed(call.desk, name, to, held_to(call, render.template_settable))
    return done(None, 201, render.at(_KIND, to))


@delete("/1.0/provisioning/cluster-templates/{name:str}", status_code=200, opt=_OPERATE)
async def delete_template(call: Asked, name: Word) -> Response[Any]:
    """Forget a template; clusters made of it stay."""
    await templates.removed(call.desk, name)
    return done()


@post(
    "/1.0/provisioning/cluster-templates/{name:str}/:preview",
    status_code=200,
    opt={"body": VALUES, **_OPERATE},
)
async def preview_template(call: Asked, name: Word) -> Response[Any]:
    """Show both documents of a template with values in them, and what is wrong in those."""
    said = await call.fields(VALUES)
    found = await templates.show(call.desk, name)
    filled = templates.filled(found, said.get("cluster_template_variable_values", {}))
    return done(render.filled(filled))


ROUTES = (
    list_templates,
    create_template,
    show_template,
    update_template,
    rename_template,
    delete_template,
    preview_template,
)

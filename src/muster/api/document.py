"""The OpenAPI document: Litestar's, with the bodies and parameters of our own tables."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from muster.api.reading import schema_of

_FAULT = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "title": {"type": "string"},
        "explanation": {"type": "string"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer"},
                "type": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {"type": "string"},
                            "message": {"type": "string"},
                        },
                    },
                },
            },
            "required": ["code", "message"],
        },
    },
    "required": ["code", "error"],
}
_SECURITY = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
}
_BINARY = ("application/x-tar", "application/gzip", "application/octet-stream")


def document(app: Litestar) -> dict[str, Any]:
    """Return the whole document as plain values."""
    made = app.openapi_schema.to_schema()
    for path, method, handler in _handlers(app):
        operation = made["paths"].get(path, {}).get(method)
        if operation is not None:
            _complete(operation, handler)
    made.setdefault("components", {})["securitySchemes"] = _SECURITY
    made["components"].setdefault("schemas", {})["Fault"] = _FAULT
    made["security"] = [{name: []} for name in _SECURITY] + [{}]
    return made


def _handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods:
                yield route.path_format, method.lower(), handler


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    for name, param in handler.opt.get("query", {}).items():
        said = {"name": name, "in": "query", "description": param.about, "schema": param.schema}
        operation.setdefault("parameters", []).append(said)
    fields = handler.opt.get("body")
    schema = handler.opt.get("body_schema") or (schema_of(fields) if fields is not None else None)
    if schema is not None:
        content: dict[str, Any] = {"application/json": {"schema": schema}}
        if handler.handler_name.endswith("import_image"):
            content |= {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in _BINARY
            }
        operation["requestBody"] = {"required": True, "content": content}
    if handler.http_methods == {"DELETE"} and "200" in operation["responses"]:
        operation["responses"]["204"] = {"description": "It is gone"}
    fault = {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}
    operation["responses"].pop("400", None)
    operation["responses"]["default"] = {"description": "A refusal", "content": fault}


def encoded(app: Litestar) -> bytes:
    return msgspec.json.encode(document(app))


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1a1a1a;background:#fff}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}}
code{font-family:ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;
border-bottom:1px solid #8884;vertical-align:top}b{display:inline-block;min-width:4.5rem}
"""


def pages(app: Litestar) -> bytes:
    """Return the reference as one page without anything from elsewhere."""
    said = document(app)
    parts = [
        _operation(method, path, operation)
        for path, methods in sorted(said["paths"].items())
        for method, operation in methods.items()
        if isinstance(operation, dict)
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Muster</title><style>{_STYLE}"
    intro = "<h1>Muster, API 1</h1><p>The same for programs: <a href=/openapi.json>OpenAPI</a>.</p>"
    return (f"{head}</style>{intro}" + "".join(parts)).encode()


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    rows = [
        _row(name, schema, "body")
        for name, schema in body.get("schema", {}).get("properties", {}).items()
    ]
    rows += [
        _row(each["name"], each.get("schema", {}) | _about(each), each["in"])
        for each in operation.get("parameters", ())
    ]
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    head = f"<b>{method.upper()}</b> <code>{escape(path)}</code>"
    told = escape(operation.get("description", ""))
    return f"<details><summary>{head}</summary><p>{told}</p>{table}</details>"


def _about(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter.get("description", "")}


def _row(name: str, schema: Mapping[str, Any], where: str) -> str:
    kind = str(schema.get("type") or schema.get("enum") or "")
    cells = (f"<code>{escape(name)}</code>", where, escape(kind), schema_text(schema))
    return "<tr>" + "".join(f"<td>{each}</td>" for each in cells) + "</tr>"


def schema_text(schema: Mapping[str, Any]) -> str:
    return escape(str(schema.get("description", "")))

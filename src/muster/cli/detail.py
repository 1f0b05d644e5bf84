"""One cluster in words, and why it is as it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from muster.cli.show import clock, coloured, dots, field, local, pairs, table

if TYPE_CHECKING:
    from rich.console import Console

MEMBERS = (
    ("MEMBER", field("name")),
    ("STATUS", field("status")),
    ("ADDRESS", field("address")),
    ("IMAGE", field("image")),
    ("RUNS", lambda row: (row.get("health") or {}).get("infrastructure")),
    ("BALANCER", lambda row: (row.get("health") or {}).get("load_balancer")),
    ("ANSWERS", lambda row: (row.get("health") or {}).get("application")),
    ("NOTE", lambda row: note(row)),
)


def note(member: Mapping[str, Any]) -> str:
    said = []
    if member.get("leaving"):
        open_ = member.get("open_requests", 0)
        said.append("draining" if open_ is None else f"draining, {open_} open")
    if member.get("protected"):
        said.append("protected")
    return ", ".join(said) or str(member.get("status_reason") or "")


def details(out: "Console", seen: Mapping[str, Any]) -> None:
    """Print a cluster whole."""
    scaling, update = seen.get("scaling") or {}, seen.get("update") or {}
    pairs(
        out,
        [
            ("name", seen["name"]),
            ("id", seen["stack_id"]),
            ("status", seen["status"]),
            ("why", seen.get("status_reason")),
            ("cloud", seen.get("cloud")),
            ("image", seen.get("image")),
            ("flavor", seen.get("flavor")),
            ("address", seen.get("load_balancer_url")),
            ("domain", seen.get("load_balancer_domain")),
            ("bastion", _bastion(seen.get("bastion"))),
            (
                "size",
                f"{seen['running_instances']} running, {seen['desired_size']} desired "
                f"({seen['min_size']} to {seen['max_size']})",
            ),
            ("scaling", _last(scaling)),
            ("update", f"{update['state']}: {update.get('reason') or ''}" if update else None),
            ("storm", (seen.get("storm") or {}).get("reason")),
            ("created", local(seen.get("created_at"))),
        ],
    )
    instances = seen.get("instances") or ()
    out.print(dots(instances))
    out.print(table(instances, MEMBERS))


def _bastion(bastion: Mapping[str, Any] | None) -> str | None:
    if not bastion:
        return None
    if not bastion["address"]:
        return f"{bastion['status']}: {bastion['reason']}"
    return f"{bastion['address']}:{bastion['port']}, {bastion['status']}"


def _last(scaling: Mapping[str, Any]) -> str | None:
    last = scaling.get("last_decision")
    if not scaling:
        return None
    return f"{scaling.get('mode')}: {last['reason'] if last else 'no decision yet'}"


def decisions(out: "Console", said: Mapping[str, Any]) -> None:
    """Print why a cluster has its size: the newest decisions with what limited them."""
    if said.get("reason"):
        out.print(said["reason"])
    for each in said.get("decisions") or ():
        head = f"{clock(each.get('at'))} {each.get('verdict')}: {each.get('reason')}"
        out.print(coloured(head + (f" (x{each['times']})" if each.get("times", 1) > 1 else "")))
        if each.get("formula"):
            out.print(f"    {each['formula']}")
        for cut in each.get("cuts") or ():
            out.print(f"    {cut['limiter']}: {cut['before']} -> {cut['after']}, {cut['why']}")
        if each.get("outlook"):
            out.print(f"    {each['outlook']}")
        if each.get("next_how"):
            out.print(f"    next: {each['next_how']} ({clock(each.get('next_at'))})")

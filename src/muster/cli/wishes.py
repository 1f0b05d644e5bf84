"""The options that describe a cluster, and the body they amount to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from muster.cli.asking import NUMBER, text_of

METRICS = ("cpu", "requests", "custom", "prometheus")

# Option, name in the body, type, help. One row per field of the contract.
SHAPE: tuple[tuple[str, str, Any, str], ...] = (
    ("--image", "image", str, "Image or snapshot, name or id."),
    ("--flavor", "flavor", str, "Size of each instance, name or id."),
    ("--min", "min_size", int, "Fewest members."),
    ("--max", "max_size", int, "Most members."),
    ("--size", "desired_size", int, "Members to begin with."),
    ("--port", "port", int, "The application's port; clients connect to the same."),
    ("--protocol", "protocol", click.Choice(["http", "https", "tcp"]), "Of the port."),
    ("--health-path", "health_path", str, "Answers 2xx where the application is well."),
    ("--network", "backend_network", str, "Private network, name or id."),
    ("--keypair", "keypair", str, "Stored SSH key."),
    ("--dns-name", "dns_name", str, "The balancer's address is published under it."),
    ("--scale-out-threshold", "scale_out_threshold", NUMBER, "CPU share that adds, 0.7 = 70 %."),
    ("--scale-in-threshold", "scale_in_threshold", NUMBER, "CPU share that removes."),
    ("--metric", "metric", click.Choice(METRICS), "What --target is about."),
    ("--query", "query", str, "For metric prometheus: PromQL that gives one number per member."),
    ("--target", "target", NUMBER, "Keep each member at this."),
    ("--mode", "scaling_mode", click.Choice(["on", "out-only", "shadow"]), "Of the autoscaler."),
    ("--predictive", "predictive", click.Choice(["on", "shadow"]), "A floor from a forecast."),
    ("--cooldown", "cooldown", NUMBER, "Seconds between changes."),
    ("--scale-in-window", "scale_in_window", NUMBER, "Seconds that low load must last."),
    ("--cloud", "cloud", str, "Where; default: the server's default cloud."),
    ("--user-data", "user_data", click.Path(exists=True, dir_okay=False), "File for instances."),
    ("--warm-pool", "warm_pool", int, "Started members kept aside."),
)
STRATEGY: tuple[tuple[str, str, Any, str], ...] = (
    ("--strategy", "kind", click.Choice(["rolling", "opportunistic"]), "Of updates."),
    ("--max-surge", "max_surge", str, "Extra members during an update, 2 or 25%."),
    ("--max-unavailable", "max_unavailable", str, "Missing members during an update."),
    ("--min-ready-seconds", "min_ready_seconds", NUMBER, "Healthy so long before it counts."),
    ("--canary", "canary", str, "So many first, then wait; 1 or 10%."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a change is to be made: only planned, held to a plan, waited for."""

    wait: bool
    timeout: float
    plan: bool
    plan_hash: str | None

    @property
    def query(self) -> dict[str, object]:
        return {"plan": True if self.plan else None, "plan_hash": self.plan_hash}


def changing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that changes something the options of `How`, as its argument `how`."""

    @click.option("--wait/--no-wait", default=False, help="Until it is done; exit 1 if it fails.")
    @click.option("--timeout", type=NUMBER, default=600, show_default=True, help="Of --wait, in s.")
    @click.option("--plan", is_flag=True, help="Show what would happen; do nothing.")
    @click.option("--plan-hash", help="Do it only if it is still exactly this plan.")
    @wraps(command)
    def run(
        *args: Any, wait: bool, timeout: float, plan: bool, plan_hash: str | None, **rest: Any
    ) -> None:
        command(*args, how=How(wait=wait, timeout=timeout, plan=plan, plan_hash=plan_hash), **rest)

    return run


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option per field of a cluster."""
    command = click.option(
        "--bastion/--no-bastion", "create_bastion", default=None, help="A way in by SSH."
    )(command)
    for flag, name, kind, about in reversed(STRATEGY):
        command = click.option(flag, f"strategy_{name}", type=kind, help=about)(command)
    for flag, name, kind, about in reversed(SHAPE):
        command = click.option(flag, name, type=kind, help=about)(command)
    return command


def body_of(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON body for the options that were given, and none for the others."""
    body = {k: v for k, v in shape.items() if v is not None and not k.startswith("strategy_")}
    strategy = {
        k.removeprefix("strategy_"): _amount(v)
        for k, v in shape.items()
        if v is not None and k.startswith("strategy_")
    }
    if strategy:
        body["update_strategy"] = strategy
    if "user_data" in body:
        body["user_data"] = text_of(body["user_data"], "--user-data")
    return body


def _amount(said: object) -> object:
    return int(said) if isinstance(said, str) and said.isdigit() else said

"""What a server is by what Nova says of it: one table for every status there is."""

from collections.abc import Mapping
from typing import Any

from muster.model.observed import Seen

# By status. Where nothing is being done to it, the table of tasks below says nothing.
STATUSES: Mapping[str, tuple[Seen, str]] = {
    "ACTIVE": (Seen.RUNNING, ""),
    "BUILD": (Seen.BUILDING, "it is being built"),
    "DELETED": (Seen.STOPPED, "it is going away"),
    "ERROR": (Seen.BROKEN, "Nova says error"),
    "HARD_REBOOT": (Seen.BUILDING, "it starts anew"),
    "MIGRATING": (Seen.RUNNING, "it is moving to another host"),
    "PASSWORD": (Seen.RUNNING, ""),
    "PAUSED": (Seen.STOPPED, "it is paused"),
    "REBOOT": (Seen.BUILDING, "it starts anew"),
    "REBUILD": (Seen.BUILDING, "it is being rebuilt"),
    "RESCUE": (Seen.STOPPED, "it is in rescue mode"),
    "RESIZE": (Seen.BUILDING, "it is being resized"),
    "REVERT_RESIZE": (Seen.BUILDING, "its resize is being taken back"),
    "SHELVED": (Seen.STOPPED, "it is shelved"),
    "SHELVED_OFFLOADED": (Seen.STOPPED, "it is shelved"),
    "SHUTOFF": (Seen.STOPPED, "it is stopped"),
    "SOFT_DELETED": (Seen.STOPPED, "it is going away"),
    "SUSPENDED": (Seen.STOPPED, "it is suspended"),
    "UNKNOWN": (Seen.UNREACHABLE, "Nova does not know how it is"),
    "VERIFY_RESIZE": (Seen.RUNNING, "its resize waits to be confirmed"),
}
# By what is being done to it: Nova goes on showing the status from before for a while.
TASKS: Mapping[str, tuple[Seen, str]] = {
    "deleting": (Seen.STOPPED, "it is going away"),
    "soft-deleting": (Seen.STOPPED, "it is going away"),
    "powering-off": (Seen.STOPPED, "it is being stopped"),
    "powering-on": (Seen.BUILDING, "it is about to start"),
    "rebooting": (Seen.BUILDING, "it starts anew"),
    "reboot_pending": (Seen.BUILDING, "it starts anew"),
    "reboot_started": (Seen.BUILDING, "it starts anew"),
    "rebooting_hard": (Seen.BUILDING, "it starts anew"),
    "reboot_pending_hard": (Seen.BUILDING, "it starts anew"),
    "reboot_started_hard": (Seen.BUILDING, "it starts anew"),
    "rebuilding": (Seen.BUILDING, "it is being rebuilt"),
    "rebuild_block_device_mapping": (Seen.BUILDING, "it is being rebuilt"),
    "rebuild_spawning": (Seen.BUILDING, "it is being rebuilt"),
    "pausing": (Seen.STOPPED, "it is being paused"),
    "suspending": (Seen.STOPPED, "it is being suspended"),
    "shelving": (Seen.STOPPED, "it is being shelved"),
    "shelving_offloading": (Seen.STOPPED, "it is being shelved"),
    "rescuing": (Seen.STOPPED, "it is being rescued"),
}
GOING = frozenset({"deleting", "soft-deleting"})
GONE = frozenset({"DELETED", "SOFT_DELETED"})
# What Nova says of the host itself, to whom it may tell: a host that an operator has forced down
# is dead for sure, one that has only not reported may well be running.
SILENT_HOSTS: Mapping[str, str] = {
    "DOWN": "its host was declared dead",
    "UNKNOWN": "its host does not report",
}
DEAD_HOST = "DOWN"


def seen(said: Mapping[str, Any]) -> tuple[Seen, str]:
    """Return how a server is, and why it does not run; of a status of tomorrow, unreachable."""
    status, task = str(said.get("status", "UNKNOWN")), str(said.get("OS-EXT-STS:task_state"))
    if task in GOING or status in GONE:
        return TASKS["deleting"]
    if status == "ERROR":
        return Seen.BROKEN, fault(said) or STATUSES["ERROR"][1]
    if silent := SILENT_HOSTS.get(str(said.get("host_status", ""))):
        return Seen.UNREACHABLE, silent
    if task in TASKS:
        return TASKS[task]
    return STATUSES.get(status, (Seen.UNREACHABLE, f"Nova says {status.lower()}"))


def fault(said: Mapping[str, Any]) -> str:
    """Return what Nova says went wrong, "" for nothing."""
    told = said.get("fault")
    return str(told.get("message", "")) if isinstance(told, Mapping) else ""


def settles(said: Mapping[str, Any]) -> bool:
    """Return whether nothing is being done to it any more."""
    return not said.get("OS-EXT-STS:task_state")


def restless(said: Mapping[str, Any]) -> bool:
    """Return whether it may vanish or turn without Nova telling of it as a change."""
    return said.get("status") == "BUILD" or said.get("OS-EXT-STS:task_state") in GOING

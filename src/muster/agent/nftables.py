"""Tables of nftables that are ours: loaded whole, now and at each boot."""

from collections.abc import Iterator
from dataclasses import dataclass

from muster.agent.steps import Act, File, Put, Unit, run


@dataclass(frozen=True, slots=True)
class Table:
    name: str  # with its family before it
    rules: str  # the file with its chains
    service: str
    about: str

    @property
    def unit(self) -> str:
        return f"/etc/systemd/system/{self.service}"

    def files(self, chains: str) -> Iterator[File]:
        # The table goes and comes in one transaction: nobody gets in between.
        head = f"add table {self.name}\ndelete table {self.name}\ntable {self.name} {{\n"
        yield Put(self.rules, f"{head}{chains}}}\n")
        yield Put(
            self.unit,
            f"[Unit]\nDescription={self.about}\n"
            "Before=network-pre.target\nWants=network-pre.target\n\n"
            f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=nft -f {self.rules}\n\n"
            "[Install]\nWantedBy=multi-user.target\n",
        )

    def first(self, is_wanted: bool, changed: frozenset[str]) -> Iterator[Act]:
        """Return what is run before the files of a table change."""
        if self.unit in changed and not is_wanted:
            yield Unit("disable", self.service)

    def then(self, is_wanted: bool, changed: frozenset[str]) -> Iterator[Act]:
        """Return what is run once they have changed."""
        if self.rules not in changed:
            return
        gone = f"nft delete table {self.name}"
        back = ("sh", "-c", f"if test -e {self.rules}; then nft -f {self.rules}; else {gone}; fi")
        if not is_wanted:
            yield run(*gone.split(), undo=back, tolerated=True)
            return
        yield run("nft", "-f", self.rules, undo=back)
        if self.unit in changed:
            yield run("systemctl", "daemon-reload", tolerated=True)
            yield Unit("enable", self.service)

"""Rooms that are written down, with an HAProxy in each that knows the words and moves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers.haproxy.inside.voice import FRONT
from muster.model.command import Command, Ended
from muster.model.observed import Seen
from muster.model.room import Room, RoomOrder

MAINT, DRAIN = 0x01, 0x08
_REST = "6 3 4 6 0 0 0 - 80 - 0 0"
STATUSES = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
HEAD = ("pxname", "svname", "scur", "status", "mode", *STATUSES, "stot", "econ", "ttime", "ctime")


@dataclass
class Worker:
    """One HAProxy, by the file that it has read and what it was told since."""

    pid: int
    config: str
    servers: dict[str, tuple[str, int]] = field(default_factory=dict)  # address, what holds it
    open: dict[str, int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for words in map(str.split, self.config.splitlines()):
            if words[:1] == ["server"] and len(words) > 2:
                self.servers[words[1]] = (words[2], 0)

    def answer(self, command: str, sick: set[str]) -> str:
        words = command.split()
        match words[:2]:
            case ["show", "info"]:
                shape = next(
                    w[1] for w in map(str.split, self.config.splitlines()) if "descr" in w[0]
                )
                return f"Pid: {self.pid}\ndescription: {shape}\n"
            case ["show", "stat"]:
                return self._stat(sick)
            case ["show", "servers"]:
                return self._states()
            case ["show", "sess"]:
                return "".join(
                    f"0x{number:x}: proto=tcp srv={name} ts=00 age=1m calls=1\n"
                    for name, count in self.open.items()
                    for number in range(count)
                )
        return self._do(words)

    def _do(self, words: Sequence[str]) -> str:
        match words[:2]:
            case ["add", "server"]:
                self.servers[_name(words)] = (words[3], MAINT)
                return "New server registered.\n"
            case ["del", "server"]:
                if self.open.get(_name(words)):
                    return "Server still has connections attached to it, cannot remove it.\n"
                del self.servers[_name(words)]
                return "Server deleted.\n"
            case ["enable", "server"]:
                self._hold(words, 0)
            case ["set", "server"] if words[3] == "state":
                self._hold(words, {"maint": MAINT, "drain": DRAIN, "ready": 0}[words[4]])
        return ""

    def _hold(self, words: Sequence[str], how: int) -> None:
        self.servers[_name(words)] = (self.servers[_name(words)][0], how)

    def _stat(self, sick: set[str]) -> str:
        rows = [self._row(name, sick) for name in self.servers]
        return "".join(
            f"{row}\n" for row in ["# " + ",".join(HEAD), *rows, self._row("BACKEND", sick)]
        )

    def _row(self, name: str, sick: set[str]) -> str:
        address, _ = self.servers.get(name, ("", 0))
        said = dict.fromkeys(HEAD, "0") | {"pxname": "members", "svname": name, "mode": "http"}
        said["scur"] = str(self.open.get(name, 0))
        said["status"] = "DOWN" if address in sick else "UP"
        return ",".join(said.values())

    def _states(self) -> str:
        lines = (
            f"3 members {number} {name} {address.partition(':')[0]} 2 {how} 1 1 0 {_REST}"
            for number, (name, (address, how)) in enumerate(self.servers.items(), 1)
        )
        return "1\n# be_id be_name\n" + "".join(f"{line}\n" for line in lines)


def _name(words: Sequence[str]) -> str:
    return words[2].removeprefix("members/")


@dataclass
class House:
    """The rooms of all installations, and which members are sick."""

    rooms: dict[str, Room] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    workers: dict[str, list[Worker]] = field(default_factory=dict)  # the present one last
    sick: set[str] = field(default_factory=set)  # host:port
    refuses: str = ""  # what HAProxy says against the next file
    asked: bool = False  # whether any network asks for balancers on it
    listings: int = 0
    odd: int = 0  # so many listings break as nobody has foreseen
    done: list[str] = field(default_factory=list)  # what was changed, in order
    pids: int = 100

    def present(self, cluster_id: UUID) -> Worker:
        ref = max(ref for ref, room in self.rooms.items() if room.cluster_id == cluster_id)
        return self.workers[ref][-1]

    def change(self, ref: str, **but: object) -> None:
        self.rooms[ref] = replace(self.rooms[ref], **but)
        if but.get("seen") is not Seen.RUNNING:
            self.workers[ref] = []

    def spawn(self, ref: str) -> None:
        self.pids += 1
        config = self.files[ref]["haproxy.cfg"].decode()
        self.workers[ref].append(Worker(self.pids, config))


@dataclass
class WrittenRooms:
    house: House
    installation: UUID = field(default_factory=uuid4)

    async def list_rooms(self, cluster_id: UUID | None = None) -> Sequence[Room]:
        self.house.listings += 1
        if self.house.odd:
            self.house.odd -= 1
            raise KeyError("status")
        ours = (r for ref, r in self.house.rooms.items() if ref.startswith(str(self.installation)))
        return [each for each in ours if cluster_id in (None, each.cluster_id)]

    async def make_room(self, order: RoomOrder) -> Room:
        ref = f"{self.installation}-{order.cluster_id}-{order.number}"
        room = Room(ref=ref, cluster_id=order.cluster_id, number=order.number, seen=Seen.STOPPED)
        self.house.done.append(f"make {order.number}")
        self.house.rooms[ref] = room
        self.house.files[ref], self.house.workers[ref] = {}, []
        return room

    async def start_room(self, ref: str) -> None:
        self.house.done.append("start")
        places = sorted({each.cluster_id for each in self.house.rooms.values()}, key=str)
        address = f"10.9.0.{2 + places.index(self.house.rooms[ref].cluster_id)}"
        taken = {r.address: r.cluster_id for r in self.house.rooms.values() if r.address}
        while (
            taken.get(address, self.house.rooms[ref].cluster_id) != self.house.rooms[ref].cluster_id
        ):
            address = f"10.9.0.{int(address.rpartition('.')[2]) + 1}"
        self.house.change(ref, seen=Seen.RUNNING, address=self.house.rooms[ref].address or address)
        if "haproxy.cfg" in self.house.files[ref]:
            self.house.spawn(ref)

    async def write_file(self, ref: str, where: str, content: bytes) -> None:
        name = where.rpartition("/")[2]
        self.house.done.append(f"write {name}")
        self.house.files[ref][name] = content
        running = self.house.rooms[ref].seen is Seen.RUNNING
        if name == "haproxy.cfg" and running and not self.house.workers[ref]:
            self.house.spawn(ref)

    async def run_in(self, ref: str, command: Command) -> Ended:
        program, verb = command.words
        assert program == FRONT
        if self.house.rooms[ref].seen is not Seen.RUNNING:
            raise Permanent(f"{ref} does not run")
        if verb != "look":
            self.house.done.append(verb)
        return getattr(self, f"_{verb}")(ref, command.given.decode())

    def _look(self, ref: str, given: str) -> Ended:
        *old, now = [None, *self.house.workers[ref]]
        pool = self.house.files[ref].get("pool.json", b"").decode()
        worker = self._said(now, given) if now else ""
        procs = [f"{each.pid} worker 1" for each in old if each]
        master = "\n".join(["#<PID>", *([f"{now.pid} worker 0"] if now else []), "# old", *procs])
        parts = {"pool": pool, "worker": worker, "master": master, "log": self.house.refuses}
        text = "".join(f"%% {name}\n{said}\n" for name, said in parts.items())
        return Ended(code=0, output=text.encode())

    def _ask(self, ref: str, given: str) -> Ended:
        if not self.house.workers[ref]:
            return Ended(code=1, errors=b"nc: can't connect")
        return Ended(code=0, output=self._said(self.house.workers[ref][-1], given).encode())

    def _master(self, ref: str, given: str) -> Ended:
        said = []
        for line in given.splitlines():
            address, _, question = line.partition(" ")
            worker = next(w for w in self.house.workers[ref] if f"@!{w.pid}" == address)
            said.append(worker.answer(question, self.house.sick))
        return Ended(code=0, output="\n".join(said).encode())

    def _close(self, ref: str, given: str) -> Ended:
        pid, *lines = given.splitlines()
        workers = self.house.workers[ref]
        worker = next((each for each in workers if str(each.pid) == pid), workers[-1])
        worker.closed += [line.split()[0] for line in lines]
        return Ended(code=0)

    def _reload(self, ref: str, _: str) -> Ended:
        if self.house.refuses:
            return Ended(code=1, output=f"[ALERT] {self.house.refuses}".encode())
        files = self.house.files[ref]
        files["haproxy.cfg"] = files.pop("haproxy.cfg.new")
        self.house.workers[ref] = [each for each in self.house.workers[ref] if each.open]
        self.house.spawn(ref)
        return Ended(code=0)

    def _said(self, worker: Worker, given: str) -> str:
        return "\n".join(worker.answer(each, self.house.sick) for each in given.strip().split("; "))

    async def delete_room(self, ref: str) -> None:
        if self.house.rooms[ref].seen is Seen.UNREACHABLE:
            raise Transient("its host does not answer")
        self.house.done.append(f"delete {self.house.rooms[ref].number}")
        for kept in (self.house.rooms, self.house.files, self.house.workers):
            kept.pop(ref, None)

    async def asked_for(self, network: str | None) -> bool:
        return network == "inside" or (network is None and self.house.asked)

    async def no_room(self, network: str) -> str | None:
        return "nobody outside reaches it" if network == "hidden" else None


def files_of(house: House) -> Mapping[str, bytes]:
    """Return the files of the only room."""
    [found] = house.files.values()
    return found

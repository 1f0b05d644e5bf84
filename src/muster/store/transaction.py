"""What a work is handed: every noun over one connection, and the end of the transaction."""

from collections.abc import Mapping
from functools import cached_property

from sqlalchemy import Connection

from muster.base.clock import Clock
from muster.model.action import Action
from muster.model.admission import Admitted
from muster.model.bulk import Bulk
from muster.model.catalog import Flavor, Keypair
from muster.model.cluster import Cluster
from muster.model.desired import Desired
from muster.model.engine import EngineSeen
from muster.model.enrolment import Enrolment
from muster.model.host_number import HostNumber
from muster.model.inventory import Record, Stocktake
from muster.model.machine import Machine
from muster.model.machine_template import MachineTemplate
from muster.model.machine_token import MachineToken
from muster.model.node import Node
from muster.model.observed import Probe
from muster.model.policy import Binding, Policy
from muster.model.profile import Profile
from muster.model.receiver import Message, Receiver
from muster.model.reservation import Reservation
from muster.model.scaling import DecisionRecord, LoadDay, Pushed
from muster.model.server_cluster import ServerCluster
from muster.model.vcluster import VCluster
from muster.model.warning import Warning
from muster.ports.signal import EVENTS, MARKS
from muster.ports.store import Token
from muster.store import positions, rows
from muster.store.events import EventRows
from muster.store.leases import LeaseRows, SettingRows
from muster.store.marks import MarkRows
from muster.store.nouns import Rows
from muster.store.resealing import resealed
from muster.store.sealing import sealing


class SqlTransaction:
    def __init__(self, conn: Connection, clock: Clock) -> None:
        self._conn = conn
        self._clock = clock

    @cached_property
    def clusters(self) -> Rows[Cluster]:
        return Rows(self._conn, rows.CLUSTERS)

    @cached_property
    def solos(self) -> Rows[Cluster]:
        return Rows(self._conn, rows.SOLOS)

    @cached_property
    def nodes(self) -> Rows[Node]:
        return Rows(self._conn, rows.NODES)

    @cached_property
    def profiles(self) -> Rows[Profile]:
        return Rows(self._conn, rows.PROFILES)

    @cached_property
    def policies(self) -> Rows[Policy]:
        return Rows(self._conn, rows.POLICIES)

    @cached_property
    def bindings(self) -> Rows[Binding]:
        return Rows(self._conn, rows.BINDINGS)

    @cached_property
    def receivers(self) -> Rows[Receiver]:
        return Rows(self._conn, rows.RECEIVERS)

    @cached_property
    def messages(self) -> Rows[Message]:
        return Rows(self._conn, rows.MESSAGES)

    @cached_property
    def engines(self) -> Rows[EngineSeen]:
        return Rows(self._conn, rows.ENGINES)

    @cached_property
    def clouds(self) -> Rows[Admitted]:
        return Rows(self._conn, rows.CLOUDS)

    @cached_property
    def enrolments(self) -> Rows[Enrolment]:
        return Rows(self._conn, rows.ENROLMENTS)

    @cached_property
    def actions(self) -> Rows[Action]:
        return Rows(self._conn, rows.ACTIONS)

    @cached_property
    def vclusters(self) -> Rows[VCluster]:
        return Rows(self._conn, rows.VCLUSTERS)

    @cached_property
    def reservations(self) -> Rows[Reservation]:
        return Rows(self._conn, rows.RESERVATIONS)

    @cached_property
    def machines(self) -> Rows[Machine]:
        return Rows(self._conn, rows.MACHINES)

    @cached_property
    def machine_tokens(self) -> Rows[MachineToken]:
        return Rows(self._conn, rows.MACHINE_TOKENS)

    @cached_property
    def machine_templates(self) -> Rows[MachineTemplate]:
        return Rows(self._conn, rows.MACHINE_TEMPLATES)

    @cached_property
    def server_clusters(self) -> Rows[ServerCluster]:
        return Rows(self._conn, rows.SERVER_CLUSTERS)

    @cached_property
    def host_numbers(self) -> Rows[HostNumber]:
        return Rows(self._conn, rows.HOST_NUMBERS)

    @cached_property
    def bulks(self) -> Rows[Bulk]:
        return Rows(self._conn, rows.BULKS)

    @cached_property
    def warnings(self) -> Rows[Warning]:
        return Rows(self._conn, rows.WARNINGS)

    @cached_property
    def inventory(self) -> Rows[Record]:
        return Rows(self._conn, rows.INVENTORY)

    @cached_property
    def stocktakes(self) -> Rows[Stocktake]:
        return Rows(self._conn, rows.STOCKTAKES)

    @cached_property
    def desired(self) -> Rows[Desired]:
        return Rows(self._conn, rows.DESIRED)

    @cached_property
    def probes(self) -> Rows[Probe]:
        return Rows(self._conn, rows.PROBES)

    @cached_property
    def decisions(self) -> Rows[DecisionRecord]:
        return Rows(self._conn, rows.DECISIONS)

    @cached_property
    def pushed(self) -> Rows[Pushed]:
        return Rows(self._conn, rows.PUSHED)

    @cached_property
    def loads(self) -> Rows[LoadDay]:
        return Rows(self._conn, rows.LOADS)

    @cached_property
    def flavors(self) -> Rows[Flavor]:
        return Rows(self._conn, rows.FLAVORS)

    @cached_property
    def keypairs(self) -> Rows[Keypair]:
        return Rows(self._conn, rows.KEYPAIRS)

    @cached_property
    def tokens(self) -> Rows[Token]:
        return Rows(self._conn, rows.TOKENS)

    @cached_property
    def events(self) -> EventRows:
        return EventRows(self._conn)

    @cached_property
    def marks(self) -> MarkRows:
        return MarkRows(self._conn, self._clock)

    @cached_property
    def leases(self) -> LeaseRows:
        return LeaseRows(self._conn)

    @cached_property
    def settings(self) -> SettingRows:
        return SettingRows(self._conn)

    def seal_anew(self) -> int:
        """Seal by the newest key what is to be sealed and is not so; return how many rows."""
        sealing(self._conn)
        return resealed(self._conn)

    def pages_ended(self) -> Mapping[str, positions.Places]:
        """Return, once, which pages of lists ended in this transaction, and where."""
        return positions.taken(self._conn)

    def keep_pages(self, rows: positions.Rows, before: int | None) -> None:
        positions.write(self._conn, rows, before)

    def finish(self) -> frozenset[str]:
        """Write what had to wait for the end, and return the topics to wake for it.

        Marks before events: whoever has the lock of the events waits for nobody.
        """
        marked = "marks" in self.__dict__ and self.marks.flush()
        told = "events" in self.__dict__ and self.events.flush()
        return frozenset({MARKS} if marked else ()) | frozenset({EVENTS} if told else ())

"""system/kernel: modules, knobs of the kernel, compressed swap, devices given to guests."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Can, Lack, Noun
from muster.agent.said import ruled
from muster.agent.steps import NOTHING, Act, Acts, File, Knob, Put, run

MODULE = r"[A-Za-z0-9_-]{1,55}"
WORD = r"[a-z0-9_-]{1,31}"
HEX = r"[0-9a-fA-F]{4}"
PCI = r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
SIZE = r"[0-9]+(\.[0-9]+)?([KMGT]i?B?)?"
SYSCTL = "/etc/sysctl.d/99-muster.conf"
BLACKLIST = "/etc/modprobe.d/99-muster-blacklist.conf"
PASSTHROUGH = "/etc/modprobe.d/99-muster-passthrough.conf"
GRUB = "/etc/default/grub.d/99-muster.cfg"
BOOT = "/etc/tmpfiles.d/99-muster.conf"
CPUS = "/sys/devices/system/cpu"
PCI_DEVICES = "/sys/bus/pci/devices"
VFIO = "vfio-pci"
ZRAM = "/dev/zram0"
ALGORITHMS = "/proc/sys/net/ipv4/tcp_available_congestion_control"


@dataclass(frozen=True, slots=True)
class Console:
    device: str = ruled(needed=True, pattern=r"[A-Za-z0-9]{1,15}")
    baud_rate: int = ruled(115200, low=50, high=4000000)


@dataclass(frozen=True, slots=True)
class Cpu:
    scaling_governor: str = ruled("", pattern=WORD)


@dataclass(frozen=True, slots=True)
class Memory:
    persistent_hugepages: int = ruled(0, low=0)
    zram_swap_size: str = ruled("", pattern=SIZE)


@dataclass(frozen=True, slots=True)
class Net:
    buffer_size: int = ruled(0, low=0, high=2**31 - 1)
    netdev_max_backlog: int = ruled(0, low=0, high=2**31 - 1)
    queuing_discipline: str = ruled("", pattern=WORD)
    tcp_congestion_algorithm: str = ruled("", pattern=WORD)
    tcp_mtu_probing: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    vendor_id: str = ruled(needed=True, pattern=HEX)
    product_id: str = ruled(needed=True, pattern=HEX)
    pci_address: str = ruled("", pattern=PCI)


@dataclass(frozen=True, slots=True)
class Sriov:
    pci_address: str = ruled(needed=True, pattern=PCI)
    vf_count: int = ruled(0, low=0, high=256)


@dataclass(frozen=True, slots=True)
class Pci:
    passthrough: tuple[Passed, ...] = ()
    sriov: tuple[Sriov, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    blacklist_modules: tuple[str, ...] = ruled((), pattern=MODULE)
    console: tuple[Console, ...] = ()
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    network: Net | None = None
    pci: Pci = Pci()


@dataclass(frozen=True, slots=True)
class Sight:
    """What of the machine decides which files a configuration means."""

    governors: tuple[str, ...]  # a knob for each processor
    devices: Mapping[str, tuple[str, str]]  # address -> vendor, product
    given: frozenset[str]  # the devices that guests can have now
    keys: frozenset[str]  # the settings that this kernel has
    swaps: bool  # to compressed memory


def sight(machine: Machine, config: Kernel) -> Sight:
    governors = tuple(
        f"{CPUS}/{each}/cpufreq/scaling_governor"
        for each in machine.names(CPUS)
        if machine.there(f"{CPUS}/{each}/cpufreq/scaling_governor")
    )
    devices = {
        each: (
            machine.line(f"{PCI_DEVICES}/{each}/vendor").removeprefix("0x"),
            machine.line(f"{PCI_DEVICES}/{each}/device").removeprefix("0x"),
        )
        for each in machine.names(PCI_DEVICES)
    }
    drivers = {each: machine.link(f"{PCI_DEVICES}/{each}/driver") for each in devices}
    return Sight(
        governors,
        devices,
        frozenset(each for each, driver in drivers.items() if driver == VFIO),
        frozenset(key for key in _FIELD_OF if machine.there(_knob(key))),
        ZRAM in machine.line("/proc/swaps").split(),
    )


# Note [What is not said of the network]
# As on IncusOS, a configuration that has `network` sets the backlog to 1000 and turns probing
# off where it says nothing of them. A kernel without these settings is not refused for that.
def sysctls(config: Kernel, seen: Sight) -> dict[str, str]:
    """Return the kernel's settings that a configuration means.

    See Note [What is not said of the network].
    """
    net, pages = config.network or Net(), config.memory.persistent_hugepages
    silent = config.network is None
    backlog, probing = "net.core.netdev_max_backlog", "net.ipv4.tcp_mtu_probing"
    buffers = {
        "net.ipv4.tcp_rmem": f"4096 65536 {net.buffer_size}",
        "net.ipv4.tcp_wmem": f"4096 65536 {net.buffer_size}",
        "net.core.rmem_max": str(net.buffer_size),
        "net.core.wmem_max": str(net.buffer_size),
    }
    said = (
        (net.buffer_size, buffers),
        (
            net.netdev_max_backlog or (backlog in seen.keys and not silent),
            {backlog: str(net.netdev_max_backlog or 1000)},
        ),
        (net.queuing_discipline, {"net.core.default_qdisc": net.queuing_discipline}),
        (
            net.tcp_congestion_algorithm,
            {"net.ipv4.tcp_congestion_control": net.tcp_congestion_algorithm},
        ),
        (
            net.tcp_mtu_probing or (probing in seen.keys and not silent),
            {probing: str(int(net.tcp_mtu_probing))},
        ),
        (pages, {"vm.nr_hugepages": str(pages)}),
    )
    return {key: value for speaks, pairs in said if speaks for key, value in pairs.items()}


def files(config: Kernel, seen: Sight) -> Iterator[File]:
    if config.blacklist_modules:
        lines = (f"blacklist {m}\ninstall {m} /bin/false\n" for m in config.blacklist_modules)
        yield Put(BLACKLIST, "".join(lines))
    settings = sysctls(config, seen)
    if settings:
        yield Put(SYSCTL, "".join(f"{key} = {value}\n" for key, value in settings.items()))
    for key, value in settings.items():
        yield Knob(_knob(key), value)
    if config.console:
        words = " ".join(f"console={each.device},{each.baud_rate}" for each in config.console)
        yield Put(GRUB, f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"\n')
    if config.cpu.scaling_governor:
        for knob in seen.governors:
            yield Knob(knob, config.cpu.scaling_governor)
    yield from _devices(config.pci, seen)
    boot = "".join(_at_boot(config, seen))
    if boot:
        yield Put(BOOT, boot)


def _knob(key: str) -> str:
    return f"/proc/sys/{key.replace('.', '/')}"


def _devices(pci: Pci, seen: Sight) -> Iterator[File]:
    if pci.passthrough:
        ids = ",".join(f"{p.vendor_id}:{p.product_id}".lower() for p in pci.passthrough)
        yield Put(PASSTHROUGH, f"options vfio-pci ids={ids}\n")
    for address in _passed(pci, seen):
        yield Knob(f"{PCI_DEVICES}/{address}/driver_override", VFIO)
    for each in pci.sriov:
        yield Knob(f"{PCI_DEVICES}/{each.pci_address}/sriov_numvfs", str(each.vf_count), "0")


def _passed(pci: Pci, seen: Sight) -> list[str]:
    """Return the devices that are passed: the one of the address, or all of the kind."""
    return [
        address
        for each in pci.passthrough
        for address, kind in seen.devices.items()
        if kind == (each.vendor_id.lower(), each.product_id.lower())
        and each.pci_address in ("", address)
    ]


def _at_boot(config: Kernel, seen: Sight) -> Iterator[str]:
    if config.cpu.scaling_governor:
        for knob in seen.governors:
            yield f"w {knob} - - - - {config.cpu.scaling_governor}\n"
    for each in config.pci.sriov:
        yield f"w {PCI_DEVICES}/{each.pci_address}/sriov_numvfs - - - - {each.vf_count}\n"


def acts(old: Kernel, new: Kernel, seen: Sight, changed: frozenset[str]) -> Acts:
    """Modules that are in use stay until the next boot; so do consoles."""
    first: list[Act] = []
    then: list[Act] = []
    for module in sorted(set(new.blacklist_modules) - set(old.blacklist_modules)):
        then.append(run("modprobe", "-r", module, tolerated=True))
    if GRUB in changed:
        then.append(run("update-grub", undo=("update-grub",), timeout_s=120.0))
    then += _given_and_kept(_passed(old.pci, seen), _passed(new.pci, seen), seen)
    resized = old.memory.zram_swap_size != new.memory.zram_swap_size
    if resized and seen.swaps:
        first += _without_zram(old.memory)
    if resized or not seen.swaps:
        then += _with_zram(new.memory)
    return Acts(tuple(first), tuple(then)) if first or then else NOTHING


def _given_and_kept(before: list[str], now: list[str], seen: Sight) -> Iterator[Act]:
    """Have guests' devices be theirs, and those that are no longer be the machine's."""
    to_give = [each for each in now if each not in seen.given]
    if to_give:
        yield run("modprobe", VFIO)
    for address in (*to_give, *(each for each in before if each not in now)):
        script = _rebinding(address)
        yield run("sh", "-c", script, undo=("sh", "-c", script))


def _rebinding(address: str) -> str:
    """A driver that holds the device lets go of it, then the bus asks which driver takes it."""
    device = f"{PCI_DEVICES}/{address}"
    unbind = f"test ! -e {device}/driver || echo {address} > {device}/driver/unbind"
    return f"{unbind}; echo {address} > /sys/bus/pci/drivers_probe"


def _is_zram(memory: Memory) -> bool:
    return memory.zram_swap_size not in ("", "0")


def _without_zram(memory: Memory) -> list[Act]:
    if not _is_zram(memory):
        return []
    return [
        run("swapoff", ZRAM, undo=("swapon", "-p", "100", ZRAM)),
        run("zramctl", "--reset", ZRAM),
    ]


def _with_zram(memory: Memory) -> list[Act]:
    if not _is_zram(memory):
        return []
    size = memory.zram_swap_size
    return [
        run("modprobe", "zram", tolerated=True),  # it may be built in
        run("zramctl", "--size", size, ZRAM, undo=("zramctl", "--reset", ZRAM)),
        run("mkswap", ZRAM),
        run("swapon", "-p", "100", ZRAM, undo=("swapoff", ZRAM)),
    ]


def lacks(config: Kernel, machine: Machine) -> Iterator[Lack]:
    can = abilities(machine)
    for field, feature, speaks in _NEEDS:
        ability = can[feature]
        if speaks(config) and ability.can is Can.ABSENT:
            yield Lack(f"config.{field}", ability.reason)
    yield from _values(config, machine)


def _values(config: Kernel, machine: Machine) -> Iterator[Lack]:
    """What this kernel does not know by that name."""
    network, known = config.network or Net(), machine.line(ALGORITHMS).split()
    algorithm, seen = network.tcp_congestion_algorithm, sight(machine, config)
    if algorithm and algorithm not in known:
        reason = f"{algorithm} is none of this kernel's ({', '.join(known) or 'it has none'})"
        yield Lack("config.network.tcp_congestion_algorithm", reason)
    governor = config.cpu.scaling_governor
    here = machine.line(f"{CPUS}/cpu0/cpufreq/scaling_available_governors").split()
    if governor and governor not in here:
        yield Lack("config.cpu.scaling_governor", f"{governor} is none of {', '.join(here)}")
    for n, each in enumerate(config.pci.sriov):
        total = machine.line(f"{PCI_DEVICES}/{each.pci_address}/sriov_totalvfs")
        if not total.isdigit() or int(total) < each.vf_count:
            reason = f"the device offers {total or 'no'} virtual functions"
            yield Lack(f"config.pci.sriov[{n}]", reason)
    for key in sysctls(config, seen):
        if key not in seen.keys:
            yield Lack(_FIELD_OF[key], f"this kernel, or namespace, has no {key}")


_NEEDS: tuple[tuple[str, str, Callable[[Kernel], bool]], ...] = (
    ("cpu.scaling_governor", "kernel.cpu", lambda c: bool(c.cpu.scaling_governor)),
    ("console", "kernel.console", lambda c: bool(c.console)),
    ("memory.zram_swap_size", "kernel.memory.zram", lambda c: _is_zram(c.memory)),
    ("pci.passthrough", "kernel.pci.passthrough", lambda c: bool(c.pci.passthrough)),
)
_FIELD_OF = {
    "net.ipv4.tcp_rmem": "config.network.buffer_size",
    "net.ipv4.tcp_wmem": "config.network.buffer_size",
    "net.core.rmem_max": "config.network.buffer_size",
    "net.core.wmem_max": "config.network.buffer_size",
    "net.core.netdev_max_backlog": "config.network.netdev_max_backlog",
    "net.core.default_qdisc": "config.network.queuing_discipline",
    "net.ipv4.tcp_congestion_control": "config.network.tcp_congestion_algorithm",
    "net.ipv4.tcp_mtu_probing": "config.network.tcp_mtu_probing",
    "vm.nr_hugepages": "config.memory.persistent_hugepages",
}


def abilities(machine: Machine) -> dict[str, Ability]:
    def given(there: bool, reason: str) -> Ability:
        return Ability() if there else Ability(Can.ABSENT, reason)

    modular = machine.there("/proc/modules")
    iommu = bool(machine.names("/sys/kernel/iommu_groups"))
    governed = machine.there(f"{CPUS}/cpu0/cpufreq")
    zram = machine.there("/sys/class/zram-control") or machine.there("/sys/module/zram")
    return {
        "kernel.blacklist_modules": Ability()
        if modular
        else Ability(Can.EMULATED, "this kernel has no modules: the file is all there is to it"),
        "kernel.console": given(machine.runner.has("update-grub"), "there is no update-grub here"),
        "kernel.cpu": given(governed, "this kernel has no frequency scaling"),
        "kernel.memory.zram": given(
            (zram or modular) and machine.runner.has("zramctl"), "there is no zram or no zramctl"
        ),
        "kernel.network": Ability(),
        "kernel.pci.passthrough": given(iommu, "there is no IOMMU, or it is off"),
        "kernel.pci.sriov": Ability(),
    }


def state(machine: Machine, config: Kernel) -> dict[str, object]:
    figures = machine.line("/sys/block/zram0/mm_stat").split()
    size = machine.line("/sys/block/zram0/disksize")
    if len(figures) < 3 or size in ("", "0"):
        return {}
    plain, packed, used = (int(each) for each in figures[:3])
    zram = {
        "disk_size": int(size),
        "incompressed_size": plain,
        "compressed_size": packed,
        "compression_ratio": round(plain / packed, 2) if packed else 0,
        "total_memory_use": used,
    }
    return {"memory": {"zram_swap": zram}}


def verify(machine: Machine, config: Kernel) -> str | None:
    """Say which knob does not stand as it was turned: the kernel may give fewer pages."""
    for key, value in sysctls(config, sight(machine, config)).items():
        now = machine.line(_knob(key))
        if now.split() != value.split():
            return f"{_FIELD_OF[key]}: {key} is {now!r} after it was set to {value!r}"
    return None


KERNEL = Noun(
    "system/kernel",
    Kernel,
    files,
    acts,
    lacks=lacks,
    sight=sight,
    state=state,
    abilities=abilities,
    verify=verify,
    at_start=True,
)

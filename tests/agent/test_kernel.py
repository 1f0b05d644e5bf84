"""What a kernel configuration is in files, and what is run for it."""

import pytest

from agent.ground import NET, Ground
from muster.base.errors import Unsupported

KERNEL = "system/kernel"
CARD = "/sys/bus/pci/devices/0000:01:00.0"
PASSED = {"pci": {"passthrough": [{"vendor_id": "10DE", "product_id": "1db6"}]}}


def text(ground: Ground, path: str) -> str | None:
    return ground.machine.text(path)


def with_card(ground: Ground, **knobs: str) -> None:
    given = {"vendor": "0x10de", "device": "0x1db6", "driver_override": "(null)", **knobs}
    for name, said in given.items():
        ground.write(f"{CARD}/{name}", said + "\n")
    ground.link(f"{CARD}/driver", "../../drivers/nouveau")
    ground.write("/sys/kernel/iommu_groups/0", "")


def test_a_blacklisted_module_is_neither_loaded_nor_wanted(ground: Ground) -> None:
    ground.put(KERNEL, {"blacklist_modules": ["floppy"]})
    assert text(ground, "/etc/modprobe.d/99-muster-blacklist.conf") == (
        "blacklist floppy\ninstall floppy /bin/false\n"
    )
    assert ground.lines == ["modprobe -r floppy"]


def test_a_network_configuration_is_in_the_file_and_in_the_kernel(ground: Ground) -> None:
    ground.put(KERNEL, {"network": {"buffer_size": 33554432, "tcp_mtu_probing": True}})
    assert text(ground, "/etc/sysctl.d/99-muster.conf") == (
        "net.ipv4.tcp_rmem = 4096 65536 33554432\n"
        "net.ipv4.tcp_wmem = 4096 65536 33554432\n"
        "net.core.rmem_max = 33554432\n"
        "net.core.wmem_max = 33554432\n"
        "net.core.netdev_max_backlog = 1000\n"
        "net.ipv4.tcp_mtu_probing = 1\n"
    )
    assert ground.machine.line(f"{NET}/ipv4/tcp_rmem") == "4096 65536 33554432"


def test_what_a_network_configuration_leaves_out_is_as_on_incusos(ground: Ground) -> None:
    ground.put(KERNEL, {"network": {"netdev_max_backlog": 0, "tcp_mtu_probing": False}})
    assert ground.machine.line(f"{NET}/core/netdev_max_backlog") == "1000"
    assert ground.machine.line(f"{NET}/ipv4/tcp_mtu_probing") == "0"
    assert ground.config(KERNEL)["network"] == {}
    ground.put(KERNEL, {})
    assert ground.machine.line(f"{NET}/core/netdev_max_backlog") == "500"
    assert ground.machine.line(f"{NET}/ipv4/tcp_mtu_probing") == "2"


def test_without_a_network_configuration_the_kernel_keeps_its_own(ground: Ground) -> None:
    ground.put(KERNEL, {"memory": {"persistent_hugepages": 2}})
    assert ground.machine.line(f"{NET}/core/netdev_max_backlog") == "500"
    assert text(ground, "/etc/sysctl.d/99-muster.conf") == "vm.nr_hugepages = 2\n"


def test_a_setting_that_the_kernel_lacks_is_missed_only_by_whoever_says_it(
    ground: Ground,
) -> None:
    ground.machine.place(f"{NET}/core/netdev_max_backlog").unlink()
    ground.put(KERNEL, {"network": {"tcp_congestion_algorithm": "bbr"}})
    with pytest.raises(Unsupported, match=r"config.network.netdev_max_backlog: this kernel"):
        ground.put(KERNEL, {"network": {"netdev_max_backlog": 5000}})


def test_a_console_is_a_word_for_the_boot_loader(ground: Ground) -> None:
    ground.put(KERNEL, {"console": [{"device": "tty0"}, {"device": "ttyS0", "baud_rate": 9600}]})
    assert text(ground, "/etc/default/grub.d/99-muster.cfg") == (
        'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty0,115200 console=ttyS0,9600"\n'
    )
    assert ground.lines == ["update-grub"]
    ground.put(KERNEL, {})
    assert ground.lines == ["update-grub"]


def test_swap_of_another_size_is_left_first(ground: Ground) -> None:
    ground.put(KERNEL, {"memory": {"zram_swap_size": "1GiB"}})
    ground.write("/proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    ground.lines.clear()
    ground.put(KERNEL, {"memory": {"zram_swap_size": "2GiB"}})
    assert ground.lines == [
        "swapoff /dev/zram0",
        "zramctl --reset /dev/zram0",
        "modprobe zram",
        "zramctl --size 2GiB /dev/zram0",
        "mkswap /dev/zram0",
        "swapon -p 100 /dev/zram0",
    ]


def test_a_device_is_given_to_guests_at_once_and_taken_back(ground: Ground) -> None:
    with_card(ground)
    ground.put(KERNEL, PASSED)
    assert text(ground, "/etc/modprobe.d/99-muster-passthrough.conf") == (
        "options vfio-pci ids=10de:1db6\n"
    )
    assert ground.machine.line(f"{CARD}/driver_override") == "vfio-pci"
    rebinding = (
        f"sh -c test ! -e {CARD}/driver || echo 0000:01:00.0 > {CARD}/driver/unbind; "
        "echo 0000:01:00.0 > /sys/bus/pci/drivers_probe"
    )
    assert ground.lines == ["modprobe vfio-pci", rebinding]
    ground.put(KERNEL, {})
    assert text(ground, f"{CARD}/driver_override") == "\n"  # "(null)" would be a driver's name
    assert ground.lines == [rebinding]


def test_a_device_that_is_already_given_is_left_alone(ground: Ground) -> None:
    with_card(ground)
    ground.machine.place(f"{CARD}/driver").unlink()
    ground.link(f"{CARD}/driver", "../../drivers/vfio-pci")
    ground.put(KERNEL, PASSED)
    assert ground.lines == []


def test_virtual_functions_are_counted_from_nothing(ground: Ground) -> None:
    """A card takes another number only after 0."""
    with_card(ground, sriov_totalvfs="8", sriov_numvfs="2")
    written = []
    turn = ground.machine.turn

    class Watched(type(ground.machine)):  # type: ignore[misc]
        def turn(self, path: str, text: str) -> None:
            written.append((path.rsplit("/", 1)[1], text))
            turn(path, text)

    ground.machine.__class__ = Watched
    ground.put(KERNEL, {"pci": {"sriov": [{"pci_address": "0000:01:00.0", "vf_count": 4}]}})
    assert written == [("sriov_numvfs", "0"), ("sriov_numvfs", "4")]
    with pytest.raises(Unsupported, match="the device offers 8 virtual functions"):
        ground.put(KERNEL, {"pci": {"sriov": [{"pci_address": "0000:01:00.0", "vf_count": 9}]}})


def test_a_governor_is_set_for_each_processor_and_for_the_next_boot(ground: Ground) -> None:
    for cpu in ("cpu0", "cpu1"):
        place = f"/sys/devices/system/cpu/{cpu}/cpufreq"
        ground.write(f"{place}/scaling_governor", "powersave\n")
        ground.write(f"{place}/scaling_available_governors", "performance powersave\n")
    ground.put(KERNEL, {"cpu": {"scaling_governor": "performance"}})
    for cpu in ("cpu0", "cpu1"):
        knob = f"/sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor"
        assert ground.machine.line(knob) == "performance"
        assert f"w {knob} - - - - performance\n" in (
            text(ground, "/etc/tmpfiles.d/99-muster.conf") or ""
        )
    with pytest.raises(Unsupported, match="ondemand is none of performance, powersave"):
        ground.put(KERNEL, {"cpu": {"scaling_governor": "ondemand"}})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"cpu": {"scaling_governor": "performance"}}, "config.cpu.scaling_governor: this kernel"),
        (PASSED, "config.pci.passthrough: there is no IOMMU"),
    ],
)
def test_what_this_machine_has_not_is_refused_with_the_reason(
    ground: Ground, config: dict[str, object], said: str
) -> None:
    with pytest.raises(Unsupported, match=said):
        ground.put(KERNEL, config)


def test_the_state_tells_how_well_memory_is_compressed(ground: Ground) -> None:
    assert ground.ask("GET", "/1.0/system/kernel")["state"] == {}
    ground.write("/sys/block/zram0/disksize", "1073741824\n")
    ground.write("/sys/block/zram0/mm_stat", "4096000 1024000 1100000 0 0 0 0 0 0\n")
    assert ground.ask("GET", "/1.0/system/kernel")["state"] == {
        "memory": {
            "zram_swap": {
                "disk_size": 1073741824,
                "incompressed_size": 4096000,
                "compressed_size": 1024000,
                "compression_ratio": 4.0,
                "total_memory_use": 1100000,
            }
        }
    }

"""What systemd is told of Muster and of its agent: services of this machine, and what they may."""

from collections.abc import Sequence
from pathlib import Path

UNIT = "muster.service"
AGENT_UNIT = "muster-agent.service"

# Note [What the service may]
# Balancers, and instances of the cloud `local`, are children that outlive the service: they keep
# what they were born with. So they have no /tmp that goes with the service, and their own cgroups
# (Delegate). Its home may be anybody's, root's too: that is why homes are not hidden. All else
# that a program which serves and calls does not need is taken from it, and from its children.
_SANDBOX = """\
NoNewPrivileges=yes
ProtectSystem=full
ProtectClock=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
CapabilityBoundingSet=~CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYSLOG
"""


def unit_text(program: Sequence[str], home: Path) -> str:
    """Return the unit of Muster itself. See Note [What the service may]."""
    return f"""[Unit]
Description=Muster, which looks after the clusters of this site
After=network-online.target incus.service
Wants=network-online.target
# What it waits for, a database say, may take as long as it likes.
StartLimitIntervalSec=0

[Service]
Environment={_quoted(f"MUSTER_HOME={home}")}
ExecStart={_line(program)} serve
Restart=always
RestartSec=2
# Balancers go on while Muster is started anew.
KillMode=process
Delegate=yes
{_SANDBOX}
[Install]
WantedBy=multi-user.target
"""


def agent_text(program: Sequence[str]) -> str:
    """Return the unit of the agent, which is there to change the machine and may everything."""
    return f"""[Unit]
Description=Muster agent, which has this machine be as a control plane says
After=network-online.target incus.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart={_line(program)} agent
Restart=always
RestartSec=2
# What it has started, say daemons of shared locks, goes on without it.
KillMode=process

[Install]
WantedBy=multi-user.target
"""


def _line(program: Sequence[str]) -> str:
    """Return a command as systemd reads it, which knows $ beside what it knows elsewhere."""
    return " ".join(_quoted(word.replace("$", "$$")) for word in program)


def _quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{plain}"' if any(each in word for each in " \t\"'\\;") else plain

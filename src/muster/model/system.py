"""What is set for all servers over one database, while they run; and what each says for itself."""

from dataclasses import dataclass

# Names of rows: "" and none at all leave it to what each server says for itself.
ADDRESS = "system.address"  # where servers find Muster
CHANNEL = "system.server_default_channel"  # of servers for which nobody names one
LOG_LEVEL = "system.log_level"
SHOWN, SHOWN_KEY = "system.certificate", "system.certificate_key"  # what every server shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What the settings of one server say, which nobody changes while it runs."""

    listen: str = ""
    log_level: str = "info"
    shown: str = ""  # PEM: the chain that it begins to serve HTTPS with, "" where it serves HTTP

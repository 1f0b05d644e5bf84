"""What is set for all servers over one database, while they run; and what each says for itself."""

from dataclasses import dataclass

# Names of rows: "" and none at all leave it to what each server says for itself.
ADDRESS = "system.address"  # where servers find Muster
CHANNEL = "system.server_default_channel"  # of servers for which nobody names one
LOG_LEVEL = "system.log_level"
SHOWN, SHOWN_KEY = "system.certificate", "system.certificate_key"  # what every server shows
SHOWN_AS = "system.certificate_known_as"  # by which names known authorities vouch for it, in words
ACME = "system.acme"
ACME_ACCOUNT = "system.acme_account"  # the key by which authorities know us
ACME_ANSWER = "system.acme_answer"  # to an authority that asks now
ACME_ATTEMPT = "system.acme_attempt"  # the last, and what came of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What the settings of one server say, which nobody changes while it runs."""

    listen: str = ""
    log_level: str = "info"
    shown: str = ""  # PEM: the chain that it begins to serve HTTPS with, "" where it serves HTTP

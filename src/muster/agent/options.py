"""What the agent can be told when it is started."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    default: str
    about: str


OPTIONS = (
    Option("listen", "[::]:8444", "Address and port for trusted clients; empty: none."),
    Option("socket", "/run/incus-os/unix.socket", "Unix socket for root; empty: none."),
    Option("root", "/", "Folder to act on instead of the machine; programs are only recorded."),
    Option("trust", "", "PEM file with certificates of clients to trust from now on."),
    Option("log", "info", "The least important lines to log: debug, info, warning, error."),
)

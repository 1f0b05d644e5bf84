"""The program: the command line's own commands and those that run a server."""

from muster.cli.main import COMMANDS, tree

SERVER_COMMANDS = {
    "serve": ("muster.wiring.serve", "Run the service: API and engine in one process."),
    "work": ("muster.wiring.serve", "Run one more engine over a shared PostgreSQL database."),
    "init": (
        "muster.wiring.init.command",
        "Make this machine a control machine, or a member of a cluster.",
    ),
    "agent": ("muster.wiring.agent", "Serve what a control plane asks of this machine, as root."),
    "db": ("muster.wiring.database", "Upgrade, check, back up and purge the database."),
    "import-senlin": (
        "muster.wiring.import_senlin",
        "Take over clusters from the database of an OpenStack Senlin.",
    ),
    "user": ("muster.wiring.user", "Users of identity basic."),
    "rules": ("muster.wiring.rules", "Print who may do what, as the file that says so."),
    "simulate": ("muster.wiring.simulate", "Replay a load through scaling rules, and compare."),
}


def main() -> None:
    COMMANDS.update(SERVER_COMMANDS)
    tree(prog_name="muster")


if __name__ == "__main__":
    main()

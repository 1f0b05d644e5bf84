"""`python -m muster.agent`: the agent where nothing but Python is installed."""

from argparse import ArgumentParser

from muster.agent.options import OPTIONS
from muster.agent.program import serve


def main() -> None:
    parser = ArgumentParser(prog="muster agent", description="Serve /os/1.0 on this machine.")
    for each in OPTIONS:
        parser.add_argument(f"--{each.name}", default=each.default, help=each.about)
    serve(vars(parser.parse_args()))


if __name__ == "__main__":
    main()

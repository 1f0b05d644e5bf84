"""Run nova-compute as released, with the driver that lies beside this file.

Nova looks for drivers in its own package alone, which is told here of one folder more.
"""

import sys
from pathlib import Path

from nova.cmd.compute import main  # first: it chooses how threads are made

if __name__ == "__main__":
    import nova.virt

    nova.virt.__path__.append(str(Path(__file__).parent))
    sys.exit(main())

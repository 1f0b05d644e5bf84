"""Serve Keystone as released, on one loopback port.

    OS_KEYSTONE_CONFIG_FILES=keystone.conf <its python> keystone_server.py PORT

Runs in an environment of its own (requirements/keystone.lock), never in Muster's.
"""

import sys

from keystone.server.wsgi import initialize_public_application
from werkzeug.serving import run_simple

if __name__ == "__main__":
    port = int(sys.argv.pop())  # what is left Keystone reads itself
    run_simple("127.0.0.1", port, initialize_public_application(), threaded=True)

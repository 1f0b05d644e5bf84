"""A name server that Designate's fake back end can look at: it asks Designate's own.

    <its python> nameserver.py PORT DESIGNATE_MDNS_PORT DATABASE_PORT

NOTIFY is acknowledged. A zone that Designate is deleting is refused, as it would be by a server
that has dropped it: Designate's own answers for as long as it has a row.
"""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pymysql

ALIVE = "SELECT COUNT(*) FROM zones WHERE name = %s AND deleted = '0' AND action <> 'DELETE'"


def is_dropped(zone, port):
    with (
        closing(
            pymysql.connect(host="127.0.0.1", port=port, user="root", database="designate")
        ) as database,
        database.cursor() as rows,
    ):
        rows.execute(ALIVE, (zone,))
        return not rows.fetchone()[0]


def answered(question, mdns, database):
    made = dns.message.make_response(question)
    made.flags |= dns.flags.AA
    if question.opcode() == dns.opcode.NOTIFY:
        return made
    asked = question.question[0]
    try:
        if asked.rdtype == dns.rdatatype.SOA and is_dropped(asked.name.to_text(), database):
            made.set_rcode(dns.rcode.REFUSED)
            return made
        return dns.query.udp(question, "127.0.0.1", port=mdns, timeout=5)
    except (OSError, dns.exception.DNSException, pymysql.MySQLError) as why:
        print(f"{asked}: {why!r}", flush=True)
        made.set_rcode(dns.rcode.SERVFAIL)
        return made


def main(port, mdns, database):
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("127.0.0.1", port))

    def answer(packet, peer):
        door.sendto(answered(dns.message.from_wire(packet), mdns, database).to_wire(), peer)

    with ThreadPoolExecutor(4) as threads:
        while True:
            threads.submit(answer, *door.recvfrom(65535))


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))

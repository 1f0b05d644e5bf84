// Pictures of a cluster: from its name to its instances, its load as a line, its hosts' room.
import { expect, test } from "vitest";
import { fillings, said, share, type Host } from "../src/capacity";
import { flow, HIGH, rates, spark, WIDE } from "../src/spark";
import { topology } from "../src/topology";
import type { Details, Flavor } from "../src/types";
import { cluster, decision, instance } from "./made";

const whole = (but: Partial<Details> = {}) => ({ ...cluster(), instances: [], ...but }) as Details;

test("instances stand on their hosts in their zones, and who is nowhere comes last", () => {
  const members = [
    instance({ id: "3", name: "web-003", host: null, zone: null }),
    instance({ id: "1", name: "web-001", host: "h10", zone: "z1" }),
    instance({ id: "2", name: "web-002", host: "h2", zone: "z1" }),
  ];
  const shown = topology(whole({ instances: members, load_balancer_domain: "web.example.org" }));
  expect(shown).toMatchObject({ name: "web.example.org", balancer: "10.0.0.1" });
  expect(shown.zones.map((zone) => [zone.name, zone.hosts.map((host) => [host.name, host.seats.map((seat) => seat.name)])])).toEqual([
    ["z1", [["h2", ["002"]], ["h10", ["001"]]]],
    ["", [["", ["003"]]]],
  ]);
});

test("a cluster without instances or a name has a picture too", () => expect(topology(whole({ load_balancer_address: null }))).toEqual({ name: "", balancer: "", zones: [] }));

const looked = (second: number, cpu: number | null) => decision({ id: String(second), at: `2026-01-01T00:00:${second}.000Z`, last_at: `2026-01-01T00:00:${second}.000Z`, inputs: { cpu, ready: 2 } });

test("load is a line from the first moment to the last, and in words", () => {
  const line = spark([looked(10, 0.2), looked(20, null), looked(30, 0.8)]);
  expect(line?.points).toBe(`0.0,${(HIGH - 1 - 0.2 * (HIGH - 2)).toFixed(1)} ${WIDE.toFixed(1)},${(HIGH - 1 - 0.8 * (HIGH - 2)).toFixed(1)}`);
  expect(line?.about).toBe("cpu of an instance: 80 % now, 80 % at most");
});

test("of one moment, or of none, there is no line", () => {
  expect(spark([])).toBeNull();
  expect(spark([looked(10, 0.2)])).toBeNull();
  expect(spark([looked(10, null), looked(20, null)])).toBeNull();
});

const host = (but: Partial<Host> = {}): Host => ({ name: "h1", zone: "z1", open: true, free_vcpus: 6, free_memory_mib: 3072, free_disk_gib: {}, ...but });
const flavors = new Map<string, Flavor>([["tiny", { id: "f", name: "tiny", vcpus: 1, memory_mib: 512, disk_gib: 0, project: null }]]);

test("a host is as full as what runs there makes it", () => {
  const both = [instance({ id: "1" }), instance({ id: "2" }), instance({ id: "3", host: "h2" }), instance({ id: "4", flavor: "gone" })];
  const [cpus, memory] = fillings(host(), both, flavors);
  expect(cpus && [said(cpus), share(cpus)]).toEqual(["6 vCPU free, 2 used here", 0.25]);
  expect(memory && said(memory)).toBe("3 GiB memory free, 1 GiB used here");
});

test("a host without a limit is never full, and one with nothing left is", () => {
  const [endless] = fillings(host({ free_vcpus: null }), [], flavors);
  const [full] = fillings(host({ free_vcpus: 0 }), [], flavors);
  expect([endless && share(endless), full && share(full)]).toEqual([null, 1]);
});

const counted = (second: number, requests: number | null) => ({ at: requests === null ? null : `2026-01-01T00:00:${second}.000Z`, requests });

test("requests a second are what readings differ by, and one that began anew says nothing of before", () => {
  const readings = [counted(10, 100), counted(15, 150), counted(20, null), counted(25, 350), counted(30, 5), counted(35, 10)];
  expect(rates(readings).map(([, rate]) => rate)).toEqual([10, 20, 1]);
  expect(flow(readings)?.about).toBe("1 requests a second now, 20 requests a second at most");
  expect(flow(readings.slice(0, 2))).toBeNull();
});

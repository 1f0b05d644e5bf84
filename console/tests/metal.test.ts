import { expect, test } from "vitest";
import { byKind, faults, isOpen, moment, over, standing, statusSaid, ways, type Job, type Server, type Step } from "../src/metal";

const server = (but: Partial<Server> = {}, version: Partial<Server["version_data"]> = {}): Server => ({
  name: "m1",
  connection_url: "https://10.0.0.1:8443",
  channel: "stable",
  description: "",
  properties: {},
  system_uuid: "",
  machine_id: "",
  fingerprint: "",
  cluster: "c1",
  server_type: "incus",
  hardware_data: {},
  os_data: {},
  version_data: { os: { name: "", version: "", version_next: "" }, applications: [], update_channel: "stable", needs_reboot: false, in_maintenance: 0, ...version },
  server_status: "ready",
  server_status_detail: "",
  server_status_reason: "",
  last_seen: "0001-01-01T00:00:00Z",
  system_state_is_trusted: true,
  ...but,
});

const step = (status: string): Step => ({ step: "reboot the server", server: "m1", what: "", status, reason: "", tries: 1, begun_at: "", ended_at: "" });
const job = (kind: string, status: string): Job => ({ id: "j", kind, status, reason: "", progress: "", asked_at: "", ended_at: "", steps: ["done", "begun", "planned"].map(step) });

test("nothing is wrong with a server that is in order", () => expect(faults(server())).toEqual([]));

test("everything that is wrong with a server is told", () => {
  const one = server({ server_status: "offline", server_status_reason: "it does not answer" }, { needs_reboot: true, in_maintenance: 2, update_channel: "daily" });
  expect(faults(one)).toEqual(["it does not answer", "it is evacuated", "it needs a reboot", "it says that it is of the channel daily, not stable"]);
});

test("who is ready and at something is busy", () => {
  expect([standing("ready"), standing("ready", "evacuating"), standing("offline", "rebooting")]).toEqual(["good", "busy", "bad"]);
  expect(statusSaid(server({ server_status_detail: "evacuating" }))).toBe("ready, evacuating");
});

test("the year 1 is never", () => {
  expect(moment("0001-01-01T00:00:00Z")).toBeNull();
  expect(moment("2026-01-01T00:00:00Z")).toBe("2026-01-01T00:00:00Z");
});

test.each([
  ["update", "running", ["Pause", "End it"]],
  ["update", "paused", ["Resume", "End it"]],
  ["create", "running", ["Roll back"]],
  ["create", "stopped", ["Resume", "Roll back"]],
  ["evacuate", "running", ["End it"]],
  ["remove-servers", "running", []],
  ["update", "done", []],
  ["create", "turning back", []],
])("of a job that is %s and %s one may ask %j", (kind, status, labels) => expect(ways(job(kind, status)).map((each) => each.label)).toEqual(labels));

test("a job is open until it has ended, and tells how many of its steps are over", () => {
  expect([isOpen(job("update", "stopped")), isOpen(job("update", "cancelled")), isOpen(null)]).toEqual([true, false, false]);
  expect(over(job("update", "running"))).toBe(1);
  expect(ways(null)).toEqual([]);
});

test("what is found in several clusters stands together by kind", () => {
  const one = (name: string, cluster: string) => ({ uuid: name, cluster, name, object: {} });
  const found = byKind([
    { cluster: "a", networks: [one("n1", "a")], instances: [one("i1", "a")] },
    { cluster: "b", instances: [one("i2", "b")], images: [] },
  ]);
  expect(found.map(([kind, those]) => [kind, those.map((each) => each.name)])).toEqual([["instances", ["i1", "i2"]], ["networks", ["n1"]]]);
});

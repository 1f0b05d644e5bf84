import { expect, test } from "vitest";
import { fromActions, fromJobs, fromPast, told } from "../src/operations";
import { action, happening, serverCluster } from "./made";

const NAMES = new Map([["c1", "web"]]);

test("what was asked for is read from the actions; what is done for it is not", () => {
  const found = fromActions([action(), action({ id: "a2", action: "NODE_CREATE", cause: "Derived Action" })], NAMES);
  expect(found.map((each) => [each.title, each.state])).toEqual([["Create web", "done"]]);
});

test("what failed says why, what runs is running", () => {
  const found = fromActions([action({ status: "FAILED", status_reason: "no room" }), action({ id: "a2", status: "RUNNING" })], NAMES);
  expect(found.map((each) => [each.state, each.reason])).toEqual([["failed", "no room"], ["running", "Action completed successfully."]]);
});

test("an operation goes from begun to ended by events, in its place", () => {
  const begun = told([], happening());
  expect(begun).toMatchObject([{ id: "a1", title: "Create web", state: "running" }]);
  const other = told(begun, happening({ action_id: "a2", oname: "shop", oid: "c2" }));
  const ended = told(other, happening({ status: "error", status_reason: "no room" }));
  expect(ended.map((each) => [each.title, each.state, each.reason])).toEqual([["Create shop", "running", ""], ["Create web", "failed", "no room"]]);
});

test("events of instances and events without an action change nothing", () => {
  expect(told([], happening({ otype: "NODE" }))).toEqual([]);
  expect(told([], happening({ action_id: null }))).toEqual([]);
});

test("what runs stays, however much has ended since", () => {
  const runs = told([], happening());
  const later = Array.from({ length: 200 }, (_, at) => happening({ action_id: `b${at}`, status: "end" }));
  const all = later.reduce(told, runs);
  expect(all.filter((each) => each.state === "running").map((each) => each.id)).toEqual(["a1"]);
  expect(all.length).toBe(61);
  const many = [...Array.from({ length: 200 }, (_, at) => action({ id: `b${at}` })), action({ status: "RUNNING" })];
  expect(fromActions(many, NAMES).at(-1)).toMatchObject({ id: "a1", state: "running" });
});

test("a virtual cluster has no actions: its events tell, those of the past as well", () => {
  const events = ["end", "start"].map((status) => happening({ otype: "VCLUSTER", kind: "vcluster.created", oid: "v1", oname: "pair", action: "", action_id: null, status, done: 2, total: 2 }));
  const [found, ...others] = fromPast([], events, NAMES);
  expect([found, others]).toMatchObject([{ title: "Create pair", state: "done", href: "/vclusters/v1" }, []]);
  expect(told([], happening({ otype: "VCLUSTER", kind: "vcluster.degraded", action_id: null, status: "" }))).toEqual([]);
});

test.each([
  ["running", "running", "waits for m2"],
  ["paused", "running", "waits for m2"],
  ["done", "done", ""],
  ["stopped", "failed", "waits for m2"],
  ["cancelled", "failed", "waits for m2"],
])("a job of servers that is %s is %s in the panel", (status, state, reason) => {
  const found = fromJobs([serverCluster({ status, reason: "waits for m2" })]);
  expect(found).toMatchObject([{ id: "j1", title: "Update the servers of cellar", state, reason, done: 1, total: 2, href: "/server-clusters/cellar" }]);
});

test.each([
  ["running", "running", ""],
  ["reverting", "running", "what was changed is set back"],
  ["done", "done", ""],
  ["reverted", "failed", "reverted: m2: it said no"],
  ["failed", "failed", "failed: m2: it said no"],
])("a change to all servers that is %s is %s in the panel", (status, state, reason) => {
  const bulk_update = { uuid: "b1", action: "set_service", status, reason: "m2: it said no", done: 1, total: 2, created_at: "2026-01-01T00:00:00Z", ended_at: "" };
  const found = fromJobs([{ ...serverCluster(), job: null, bulk_update }]);
  expect(found).toMatchObject([{ id: "b1", title: "Change all servers of cellar alike: set service", state, reason, done: 1, total: 2, href: "/server-clusters/cellar/bulk" }]);
});

test("a volume has no actions: that it moved, or why not, is told by an event, that of the past as well", () => {
  const event = happening({ otype: "VOLUME", kind: "volume.moved", oid: "v1", oname: "data", action: "", action_id: null, status: "error", status_reason: "not moved to h2: no room" });
  expect(fromPast([], [event], NAMES)).toMatchObject([{ title: "Move volume data", state: "failed", reason: "not moved to h2: no room", href: "/volumes" }]);
});

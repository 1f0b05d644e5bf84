import { describe, expect, test } from "vitest";
import { condition, isSettled, troubles, wellness, type Seen } from "../src/health";
import { cluster, decision, details, happening, instance } from "./made";

const seen = (but: Partial<Seen>): Seen => ({ clusters: [], details: {}, members: new Map(), happenings: [], ...but });
const what = (but: Partial<Seen>) => troubles(seen(but)).map((each) => each.what);

describe("what is wrong first", () => {
  test("nothing, where everything is in order", () => expect(what({ clusters: [cluster()], members: new Map([["c1", [instance()]]]) })).toEqual([]));

  test("what serves nobody comes before what serves less", () =>
    expect(
      troubles(seen({ clusters: [cluster({ id: "a", name: "a", running_instances: 1 }), cluster({ id: "b", name: "b", running_instances: 0 })] })).map((each) => each.about),
    ).toEqual(["b", "a"]));

  test("a cluster on its way in or out is no outage", () => {
    const none = { running_instances: 0 };
    expect(what({ clusters: [cluster({ ...none, stack_status: "CREATE_IN_PROGRESS" }), cluster({ ...none, stack_status: "DELETE_IN_PROGRESS" })] })).toEqual([]);
  });

  test("a cluster that cannot be made is told, until its instances come", () => {
    const clusters = [cluster({ stack_status: "CREATE_IN_PROGRESS", running_instances: 0 })];
    const failed = happening({ kind: "node.failed", otype: "NODE", oid: "n1", status_reason: "not ready within 5 s", seq: 2 });
    expect(what({ clusters, happenings: [failed] })).toEqual(["1 instance cannot be made"]);
    const ready = happening({ kind: "node.ready", otype: "NODE", oid: "n1", seq: 3 });
    expect(what({ clusters, happenings: [ready, failed] })).toEqual([]);
  });

  test("a failed update can be rolled back with one action", () => {
    const update = { state: "failed", reason: "a wave got stuck", to: { image: "v2" } } as never;
    const [found] = troubles(seen({ clusters: [cluster()], details: { c1: details({ update }) } }));
    expect(found?.act).toEqual({ label: "Roll back", method: "POST", path: "/v1/clusters/web/c1/rollback" });
  });

  test("a storm, a sick instance and a maximum that holds back are told", () => {
    const last_decision = decision({ cuts: [{ limiter: "max", before: 6, after: 4, why: "at most 4" }] });
    const storm = { since: "", retry_at: null, allowed: 0, reason: "3 of 4 are sick" };
    const sick = instance({ health: { infrastructure: "bad", load_balancer: "bad", application: "bad" } });
    const all = { clusters: [cluster()], details: { c1: details({ storm, scaling: { mode: "on", last_decision } }) }, members: new Map([["c1", [sick]]]) };
    expect(what(all)).toEqual(["replacing has stopped: too many are sick at once", "would be larger than its maximum of 4", "instance is not well"]);
  });
});

test.each([
  [{}, "good"],
  [{ ready_at: null, status: "CREATING" }, "busy"],
  [{ status: "ERROR" }, "bad"],
  [{ health: { infrastructure: "good", load_balancer: "bad", application: "good" } }, "bad"],
  [{ leaving: { why: "", since: "", deadline: null, reason: "" }, status: "ERROR" }, "idle"],
] as [object, string][])("an instance with %o is %s", (but, tone) => expect(wellness(instance(but))).toBe(tone));

test.each([
  [{}, "good"],
  [{ stack_status: "UPDATE_IN_PROGRESS" }, "busy"],
  [{ stack_status: "UPDATE_FAILED" }, "bad"],
  [{ running_instances: 1 }, "warn"],
] as [object, string][])("a cluster with %o is %s", (but, tone) => expect(condition(cluster(but))).toBe(tone));

test("a cluster is settled once nothing goes on and all of its members are known", () => {
  const unknown = instance({ health: { infrastructure: "good", load_balancer: "unknown", application: "good" } });
  expect(isSettled(details({ instances: [instance()] }))).toBe(true);
  expect(isSettled(details({ instances: [unknown] }))).toBe(false);
  expect(isSettled(details({ stack_status: "UPDATE_IN_PROGRESS" }))).toBe(false);
});

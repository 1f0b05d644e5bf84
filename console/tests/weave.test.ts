import { describe, expect, test } from "vitest";
import { EXAMPLE } from "../src/placing";
import { changed, eased, graph, textOf, tidied, wishFaults, wishOf, withGroup, withItem, without, type Wish } from "../src/weave";

const example = (): Wish => {
  const wish = wishOf(JSON.parse(EXAMPLE));
  if (!wish) throw new Error("the example has another form");
  return wish;
};
const way = (...changes: object[]) => ({ text: "", cost: 1, changes, placement: {}, moves: [] });
const rule = (number: number) => ({ number, name: "", rule: "" });

describe("a request as an object", () => {
  test("is the same as text", () => expect(JSON.parse(textOf(example()))).toEqual(JSON.parse(EXAMPLE)));
  test.each([null, {}, { vcluster: { instances: { instance: {} } } }, { vcluster: { instances: [{}] } }, { vcluster: { groupings: [{ membersRef: "[a, b]", spec: {} }] } }])("%j has no fields", (said) => expect(wishOf(said)).toBeNull());
  test("keeps what it says besides", () => expect(wishOf({ vcluster: { name: "a", cloud: "sim" } })).toMatchObject({ cloud: "sim", instances: [] }));
  test("the example is in order", () => expect(wishFaults(example())).toEqual({}));
});

describe("changes", () => {
  test("a new one has a name that nobody has", () => {
    const wish = withItem(withItem(example(), "server"), "server");
    expect(wish.instances.slice(-2).map((one) => one.name)).toEqual(["server-1", "server-2"]);
  });
  test("another name follows into rules and attachments", () => {
    const wish = example();
    const tied = { ...wish, instances: wish.instances.map((one) => (one.name === "db-1-vol" ? { ...one, spec: { ...one.spec, attach_to: "db-1" } } : one)) };
    const first = tied.instances[0];
    if (!first) throw new Error("nobody");
    const now = changed(tied, 0, { ...first, name: "main" });
    expect(now.groupings.map((one) => one.membersRef)).toEqual([["main", "db-1-vol"], ["db-2", "db-2-vol"], ["main", "db-2"]]);
    expect(now.instances[1]?.spec.attach_to).toBe("main");
  });
  test("who is left out is in no rule, and a rule about nobody goes", () => {
    const now = without(without(example(), "db-2"), "db-2-vol");
    expect(now.groupings.map((one) => one.membersRef)).toEqual([["db-1", "db-1-vol"], ["db-1"]]);
  });
  test.each([
    [(wish: Wish) => ({ ...wish, name: "" }), "name"],
    [(wish: Wish) => withItem(wish, "server"), "instances[4].spec.imageRef"],
    [(wish: Wish) => withGroup(wish), "groupings[3].membersRef"],
    [(wish: Wish) => ({ ...wish, instances: [...wish.instances, { name: "db-1", type: "volume", spec: { size: 1 } }] }), "instances[4].name"],
    [(wish: Wish) => ({ ...wish, instances: [{ name: "v", type: "volume", spec: { size: "big" } }], groupings: [] }), "instances[0].spec.size"],
  ])("what is wrong stands where it is: %#", (change, where) => expect(Object.keys(wishFaults(change(example())))).toContain(where));
});

describe("ways out", () => {
  test("a rule is made soft, and lets more be together", () => {
    const soft = eased(example(), way({ change: "soften", rule: rule(2), instance: null }));
    expect(soft?.groupings[2]?.spec.rule).toBe("soft-anti-affinity");
    const raised = eased(example(), way({ change: "raise", rule: rule(2), instance: null }, { change: "raise", rule: rule(2), instance: null }));
    expect(raised?.groupings[2]?.spec.max_per_host).toBe(3);
  });
  test("rules keep their numbers while somebody is left out", () => {
    const now = eased(example(), way({ change: "leave_out", rule: null, instance: "db-1" }, { change: "leave_out", rule: null, instance: "db-1-vol" }, { change: "soften", rule: rule(2), instance: null }));
    expect(now?.groupings[2]?.spec.rule).toBe("soft-anti-affinity");
    expect(now && tidied(now).groupings).toHaveLength(2);
  });
  test("any zone is as good, where one was named", () => {
    const wish = example();
    const there = { ...wish, instances: wish.instances.map((one) => ({ ...one, spec: { ...one.spec, availability_zone: "z1" } })) };
    const now = eased(there, way({ change: "any_zone", rule: null, instance: "db-2" }));
    expect(now?.instances.map((one) => one.spec.availability_zone)).toEqual(["z1", "z1", undefined, "z1"]);
    expect(eased(wish, way({ change: "any_zone", rule: null, instance: "db-2" }))).toBeNull();
  });
  test.each(["add_host", "let_move", "any_labels"])("%s is not for the request to ask", (change) => expect(eased(example(), way({ change, rule: null, instance: "db-1" }))).toBeNull());
});

describe("the graph", () => {
  test("has everybody at a place of his own, and a line for each pair of a rule", () => {
    const { knots, threads, height } = graph(example());
    expect(new Set(knots.map((one) => `${one.x} ${one.y}`)).size).toBe(4);
    expect(threads.map((one) => [one.from.name, one.to.name, one.rule])).toEqual([["db-1", "db-1-vol", "affinity"], ["db-2", "db-2-vol", "affinity"], ["db-1", "db-2", "anti-affinity"]]);
    expect(Math.max(...knots.map((one) => one.y))).toBeLessThan(height);
  });
  test("of nobody is empty", () => expect(graph({ name: "", instances: [], groupings: [] }).knots).toEqual([]));
});

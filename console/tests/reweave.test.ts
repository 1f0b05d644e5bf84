import { describe, expect, test } from "vitest";
import { difference, easedOf, NOBODY_MOVES, placed } from "../src/reweave";
import { withItem, without, type Group, type Wish } from "../src/weave";

const rule = (name: string, word: string, ...membersRef: string[]): Group => ({ name, membersRef, spec: { rule: word, scope: "host" } });
const server = (name: string) => ({ name, type: "server", spec: { imageRef: "web", flavorRef: "tiny" } });
const there = (): Wish => ({ name: "db", instances: [server("a"), server("b"), server("c")], groupings: [rule("apart", "anti-affinity", "a", "b"), rule("near", "affinity", "c"), rule("apart", "anti-affinity", "b", "c")] });
const way = (...changes: object[]) => ({ text: "", cost: 1, changes, placement: {}, moves: [] });

describe("the difference", () => {
  test("of nothing is nothing", () => expect(difference(there(), there(), NOBODY_MOVES)).toEqual({}));
  test("names who comes and who goes, and leaves rules alone that only lose who goes", () => {
    const after = withItem(without(there(), "c"), "volume");
    expect(difference(there(), after, NOBODY_MOVES)).toEqual({ instances: [{ name: "volume-1", type: "volume", spec: { size: 10 } }], remove_instances: ["c"] });
  });
  test("takes a changed rule out, and puts all that are called so in again", () => {
    const before = there();
    const after = { ...before, groupings: before.groupings.map((one, at) => (at ? one : { ...one, spec: { ...one.spec, rule: "soft-anti-affinity" } })) };
    const said = difference(before, after, NOBODY_MOVES);
    expect(said.remove_groupings).toEqual(["apart"]);
    expect(said.groupings).toEqual([after.groupings[0], after.groupings[2]]);
  });
  test("has a new rule added, also one without a name", () => {
    const more: Group = { membersRef: ["a", "c"], spec: { rule: "proximity" } };
    const after = { ...there(), groupings: [...there().groupings, more] };
    expect(difference(there(), after, NOBODY_MOVES)).toEqual({ groupings: [more] });
  });
  test("has nobody move who goes or is new", () => {
    const after = withItem(without(there(), "c"), "server");
    const said = difference(there(), after, { names: ["a", "c", "server-1"], to: "h2", allowed: true });
    expect(said).toMatchObject({ move_instances: ["a"], to_host: "h2", allow_moves: true });
  });
});

test("what is wrong with what is sent stands where it was typed", () => {
  const after = withItem(there(), "server");
  const change = difference(there(), after, NOBODY_MOVES);
  expect(placed({ "vcluster.instances[0].spec.imageRef": "is not there", "vcluster.to_host": "x" }, change, after)).toEqual({ "vcluster.instances[3].spec.imageRef": "is not there", "vcluster.to_host": "x" });
});

describe("a way out", () => {
  const added = rule("new", "anti-affinity", "a", "c");
  const after: Wish = { ...there(), groupings: [added, ...there().groupings] };
  const change = difference(there(), after, NOBODY_MOVES);
  test("counts the rules that stay before those that are added", () => {
    const found = easedOf(after, change, NOBODY_MOVES, way({ change: "soften", rule: { number: 3 }, instance: null }));
    expect(found?.wish.groupings.find((one) => one.name === "new")?.spec.rule).toBe("soft-anti-affinity");
  });
  test("may be that some move", () => {
    const found = easedOf(after, change, NOBODY_MOVES, way({ change: "let_move", rule: null, instance: "a" }));
    expect(found).toEqual({ wish: after, moving: { ...NOBODY_MOVES, allowed: true } });
  });
  test.each(["add_host", "any_labels"])("%s is not for the request to ask", (word) => expect(easedOf(after, change, NOBODY_MOVES, way({ change: word, rule: null, instance: "a" }))).toBeNull());
  test("who is there already keeps his zone", () => expect(easedOf(after, change, NOBODY_MOVES, way({ change: "any_zone", rule: null, instance: "a" }))).toBeNull());
});

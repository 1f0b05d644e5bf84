import { expect, test } from "vitest";
import { given, sought } from "../src/later";
import { pruned, tree } from "../src/tree";
import { action } from "./made";

const wish = action({ id: "w", status: "WAITING", end_time: null, depends_on: ["n1"] });
const going = action({ id: "n1", action: "NODE_CREATE", target: "n1", cause: "Derived Action", status: "RUNNING", depended_by: ["w"], created_at: "2026-01-01T00:00:01Z" });
const over = action({ id: "n2", action: "NODE_CREATE", target: "n2", cause: "Derived Action", created_at: "2026-01-01T00:00:02Z" });
const shape = (all: ReturnType<typeof tree>) => all.map((one) => `${"-".repeat(one.depth)}${one.action.id}`);

test("what is done for a wish stands under it, also once the API does not name it any more", () => {
  expect(shape(tree([over, going, wish]))).toEqual(["w", "-n2", "-n1"]);
});

test("the newest wish is first, and nobody hangs from one that was over before", () => {
  const earlier = action({ id: "e", created_at: "2025-12-31T00:00:00Z", end_time: Date.parse("2025-12-31T00:01:00Z") / 1000 });
  expect(shape(tree([earlier, over]))).toEqual(["n2", "e"]);
  expect(shape(tree([earlier, wish, over]))).toEqual(["w", "-n2", "e"]);
});

test("actions that name each other do not keep the others from being shown", () => {
  const [a, b] = [action({ id: "a", depends_on: ["b"] }), action({ id: "b", depends_on: ["a"] })];
  expect(shape(tree([a, b, wish]))).toEqual(["w"]);
});

test("a filter keeps what its finds hang from", () => {
  const all = tree([over, going, wish]);
  expect(shape(pruned(all, (one) => one.id === "n1"))).toEqual(["w", "-n1"]);
  expect(pruned(all, () => false)).toEqual([]);
});

test("addresses name pages, and what they are about", () => {
  expect(given("/profiles/{id}", "/profiles/a%20b")).toEqual({ id: "a b" });
  expect(given("/profiles/{id}", "/profiles/")).toBeNull();
  expect(given("/profiles", "/policies")).toBeNull();
  expect(given("/profiles/{id}", "/profiles/%")).toEqual({ id: "%" });
  expect(sought("/profiles/new")?.title).toBe("Create profile");
  expect(sought("/profiles/x")?.given).toEqual({ id: "x" });
  expect(sought("/nowhere")).toBeNull();
});

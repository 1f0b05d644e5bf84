// What of a server can be set by its own interface, and what it can be told to do.
import { expect, test } from "vitest";
import { ordersOf, settable, shownOf } from "../src/os";

test("a part is set by its config, unless somebody else says it", () => {
  expect(settable("system/kernel", { config: {}, state: {} })).toBe(true);
  expect(settable("system/resources", { config: {} })).toBe(false);
  expect(settable("system/provider", { config: { name: "muster" } })).toBe(false);
  expect(settable("applications/incus", { state: {} })).toBe(false);
  expect(settable("debug/kernel", "words")).toBe(false);
});

test("what a service or an application can be told to do names it", () => {
  expect(ordersOf("services/lvm").map((one) => one.path)).toEqual(["services/lvm/:reset"]);
  expect(ordersOf("applications/incus").map((one) => [one.path, !!one.loses])).toEqual([["applications/incus/:restart", false], ["applications/incus/:remove", true]]);
  expect(ordersOf("system/kernel")).toEqual([]);
});

test("whatever destroys says what is lost, and of what it is told", () => {
  const all = ordersOf("system/storage");
  expect(all.filter((one) => /delete|wipe/.test(one.path)).every((one) => one.loses && one.takes)).toBe(true);
});

test("nothing is shown as nothing, and words as they are", () => {
  expect([shownOf(null), shownOf({}), shownOf("words"), shownOf({ a: 1 })]).toEqual(["", "", "words", "a: 1\n"]);
});

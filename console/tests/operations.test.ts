import { expect, test } from "vitest";
import { fromActions, told } from "../src/operations";
import { action, happening } from "./made";

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

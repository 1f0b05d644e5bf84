import { expect, test } from "vitest";
import { ACTIONS, bulkFaults, isUnderWay, turnSaid, turnTone, type Bulk, type Turn } from "../src/bulk";
import { documentOf } from "../src/document";

const turn = (status: string): Turn => ({ name: "m1", status, before: null, after: null, error: "", seconds: null });

test("every action begins with arguments that can be read", async () => {
  for (const one of ACTIONS) expect(await documentOf(one.example), one.name).toMatchObject({ wrong: "" });
});

test.each([
  ["", "", {}],
  ["64", "3600", {}],
  ["65", "", { parallel: "must be a number from 1 to 64" }],
  ["0", "x", { parallel: "must be a number from 1 to 64", confirmation: "must be seconds, from 1 to 3600" }],
])("%s at once, confirmed in %s", (parallel, confirmation, wrong) => expect(bulkFaults(parallel, confirmation)).toEqual(wrong));

test("a dry run is told as what would be", () => {
  expect([turnSaid(turn("changed"), true), turnSaid(turn("revert_failed"), false)]).toEqual(["would be changed", "revert failed"]);
  expect([turnTone("failed"), turnTone("waiting"), turnTone("new to us")]).toEqual(["bad", "idle", "busy"]);
});

test("what has ended, and what was only foreseen, is not under way", () => {
  const bulk = (uuid: string | null, status: string) => isUnderWay({ uuid, status } as Bulk);
  expect([bulk("u", "running"), bulk("u", "done"), bulk(null, "")]).toEqual([true, false, false]);
});

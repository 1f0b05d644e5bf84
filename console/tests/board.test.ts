import { expect, test } from "vitest";
import { board } from "../src/board";
import type { Step } from "../src/metal";

const step = (server: string, kind: string, status: string, but: Partial<Step> = {}): Step => ({ step: kind, server, what: "", status, reason: "", tries: 1, begun_at: "", ended_at: "", ...but });

test("a round over servers has a row for each and a column for each step", () => {
  const shown = board({ steps: [step("m1", "evacuate", "done"), step("m1", "reboot", "begun"), step("m2", "evacuate", "planned"), step("m2", "reboot", "planned")] });
  expect(shown.columns).toEqual(["evacuate", "reboot"]);
  expect(shown.rows.map((row) => [row.server, ...row.cells.map((cell) => cell?.tone)])).toEqual([["m1", "good", "busy"], ["m2", "idle", "idle"]]);
});

test("several steps of one kind are counted, and the worst of them shows", () => {
  const steps = [step("m1", "set a service", "done"), step("m1", "set a service", "planned"), step("", "make an object", "refused", { reason: "there is one" })];
  const shown = board({ steps });
  expect(shown.rows[0]?.cells).toEqual([{ tone: "busy", label: "1 of 2", reason: "" }, null]);
  expect(shown.rows[1]?.cells[1]).toEqual({ tone: "bad", label: "refused", reason: "there is one" });
});

test("a job without steps is an empty board", () => expect(board({ steps: [] })).toEqual({ columns: [], rows: [] }));

// What somebody asked for and how it goes, for the panel of the bell: made anew from the API on
// every load, then carried on by events.
import type { Action, Happening } from "./types";
import { verb } from "./words";

export interface Operation {
  id: string;
  title: string;
  target: string; // the id of what it is about
  state: "running" | "done" | "failed";
  reason: string;
  at: string;
  done: number | null;
  total: number | null;
}

const ENDED: Record<string, Operation["state"]> = {
  SUCCEEDED: "done",
  FAILED: "failed",
  CANCELLED: "failed",
};
const PHASES: Record<string, Operation["state"]> = { start: "running", end: "done", error: "failed" };
const KEPT = 60;

const title = (action: string, name: string) => `${verb(action)} ${name}`.trim();

/** Return the operations that people or rules asked for, of a list of all actions. */
export function fromActions(actions: Action[], names: Map<string, string>): Operation[] {
  return actions
    .filter((each) => each.cause !== "Derived Action")
    .slice(0, KEPT)
    .map((each) => ({
      id: each.id,
      title: title(each.action, names.get(each.target) ?? each.target.slice(0, 8)),
      target: each.target,
      state: ENDED[each.status] ?? "running",
      reason: ENDED[each.status] === "done" ? "" : each.status_reason,
      at: each.updated_at ?? each.created_at,
      done: null,
      total: null,
    }));
}

/** Return what has ended since, with what began only then. */
export function ended(before: Operation[], now: Operation[]): Operation[] {
  const over = new Set(before.filter((each) => each.state !== "running").map((each) => each.id));
  return now.filter((each) => each.state !== "running" && !over.has(each.id));
}

/** Return the operations with what an event tells of them worked in. */
export function told(before: Operation[], one: Happening): Operation[] {
  const id = one.action_id;
  const state = PHASES[one.status];
  if (!id || !state || (one.otype !== "CLUSTER" && one.otype !== "VCLUSTER")) return before;
  const known = before.find((each) => each.id === id);
  const now: Operation = {
    id,
    title: known?.title ?? title(one.action, one.oname),
    target: one.oid,
    state,
    reason: state === "done" ? "" : state === "failed" ? one.status_reason : (known?.reason ?? ""),
    at: one.timestamp,
    done: one.done,
    total: one.total,
  };
  if (known) return before.map((each) => (each.id === id ? now : each));
  return [now, ...before].slice(0, KEPT);
}

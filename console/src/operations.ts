// What somebody asked for and how it goes, for the panel of the bell: made anew from the API on
// every load, then carried on by events.
import { isOpen, over, type Job, type ServerCluster } from "./metal";
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
  href?: string; // where it is seen; that of the cluster of its target where nothing is said
}

const ENDED: Record<string, Operation["state"]> = {
  SUCCEEDED: "done",
  FAILED: "failed",
  CANCELLED: "failed",
};
const PHASES: Record<string, Operation["state"]> = { start: "running", end: "done", error: "failed" };
// What has no actions: its events tell how it went.
const BY_EVENTS: Record<string, string> = { "vcluster.created": "Create", "vcluster.updated": "Change", "vcluster.deleted": "Delete", "volume.moved": "Move volume" };
const KEPT = 60;

/** Return the operations that people or rules asked for, of a list of all actions. */
export function fromActions(actions: Action[], names: Map<string, string>): Operation[] {
  return actions
    .filter((each) => each.cause !== "Derived Action")
    .filter(endedFew((each) => each.status in ENDED))
    .map((each) => ({
      id: each.id,
      title: `${verb(each.action)} ${names.get(each.target) ?? each.target.slice(0, 8)}`.trim(),
      target: each.target,
      state: ENDED[each.status] ?? "running",
      reason: ENDED[each.status] === "done" ? "" : each.status_reason,
      at: each.updated_at ?? each.created_at,
      done: null,
      total: null,
    }));
}

const vcluster = (id: string) => `/vclusters/${encodeURIComponent(id)}`;

/** Return a filter that keeps what is running, and of what has ended the first, newest ones. */
function endedFew<T>(over: (one: T) => boolean): (one: T) => boolean {
  let left = KEPT;
  return (one) => !over(one) || left-- > 0;
}

const JOBS: Record<string, string> = {
  create: "Create",
  "add-servers": "Add servers to",
  "remove-servers": "Remove servers from",
  certificate: "Change the certificate of",
  update: "Update the servers of",
  reboot: "Reboot the servers of",
  evacuate: "Evacuate a server of",
  restore: "Restore a server of",
  channel: "Change the channel of",
  "factory-reset": "Reset the servers of",
};

function standing(one: Job): Operation["state"] {
  if (one.status === "done") return "done";
  return one.status === "stopped" || !isOpen(one) ? "failed" : "running";
}

/** Return the last job of each cluster of servers, and the last change to all of its servers, as operations. */
export const fromJobs = (clusters: ServerCluster[]): Operation[] => [...clusters.flatMap(fromJob), ...clusters.flatMap(fromBulk)];

const BULKS: Record<string, Operation["state"]> = { running: "running", reverting: "running", done: "done" };

function fromBulk({ name, bulk_update: one }: ServerCluster): Operation[] {
  if (!one) return [];
  const state = BULKS[one.status] ?? "failed";
  const reason = state === "failed" ? `${one.status}${one.reason ? `: ${one.reason}` : ""}` : one.status === "reverting" ? "what was changed is set back" : "";
  return [{ id: one.uuid, title: `Change all servers of ${name} alike: ${one.action.replaceAll("_", " ")}`, target: name, state, reason, at: state === "running" ? one.created_at : one.ended_at, done: one.done, total: one.total, href: `/server-clusters/${encodeURIComponent(name)}/bulk` }];
}

function fromJob({ name, job }: ServerCluster): Operation[] {
  if (!job) return [];
  const state = standing(job);
  const reason = state === "done" ? "" : job.reason || (state === "failed" ? job.status : "");
  const at = isOpen(job) ? job.asked_at : job.ended_at;
  const href = `/server-clusters/${encodeURIComponent(name)}`;
  return [{ id: job.id, title: `${JOBS[job.kind] ?? job.kind} ${name}`, target: name, state, reason, at, done: over(job), total: job.steps.length, href }];
}

/** Return what has ended since, with what began only then. */
export function ended(before: Operation[], now: Operation[]): Operation[] {
  const over = new Set(before.filter((each) => each.state !== "running").map((each) => each.id));
  return now.filter((each) => each.state !== "running" && !over.has(each.id));
}

/** Return the operations of the past: of its actions, and of events, newest first, about what has none. */
export function fromPast(actions: Action[], events: Happening[], names: Map<string, string>): Operation[] {
  return events.filter((each) => each.kind in BY_EVENTS).reduceRight(told, fromActions(actions, names));
}

/** Return the operations with what an event tells of them worked in. */
export function told(before: Operation[], one: Happening): Operation[] {
  const id = one.otype === "CLUSTER" ? one.action_id : BY_EVENTS[one.kind] && `${one.oid}/${one.kind}`;
  const state = PHASES[one.status];
  if (!id || !state) return before;
  const known = before.find((each) => each.id === id);
  const now: Operation = {
    id,
    title: known?.title ?? `${BY_EVENTS[one.kind] ?? verb(one.action)} ${one.oname}`.trim(),
    target: one.oid,
    state,
    reason: state === "done" ? "" : state === "failed" ? one.status_reason : (known?.reason ?? ""),
    at: one.timestamp,
    done: one.done,
    total: one.total,
    ...(one.otype === "VCLUSTER" && { href: vcluster(one.oid) }),
    ...(one.otype === "VOLUME" && { href: "/volumes" }),
  };
  if (known) return before.map((each) => (each.id === id ? now : each));
  return [now, ...before].filter(endedFew((each) => each.state !== "running"));
}

// Whether an instance is well, and what is wrong first.
import type { ClusterLine, Details, Happening, Instance } from "./types";
import { type Tone, plural } from "./words";

/** Return one tone for the three kinds of health and what the place is about to be. */
export function wellness(one: Instance): Tone {
  if (one.leaving) return "idle";
  const kinds = [one.health.infrastructure, one.health.load_balancer, one.health.application];
  if (one.status === "ERROR" || kinds.includes("bad")) return "bad";
  if (one.ready_at && one.status === "ACTIVE") return "good";
  return one.status === "WARNING" ? "warn" : "busy";
}

const SAID: Record<Tone, string> = {
  good: "in service",
  busy: "on the way",
  warn: "warning",
  bad: "not well",
  idle: "leaving",
};

export const wellnessSaid = (one: Instance) => `${one.name}: ${SAID[wellness(one)]}. ${one.status_reason}`;

export interface Trouble {
  harm: number; // 0 is worst
  about: string;
  what: string;
  why: string;
  link: string;
  act?: { label: string; method: string; path: string };
}

export const placeOf = (one: ClusterLine) => `/clusters/${encodeURIComponent(one.name)}/${one.id}`;
export const routeOf = (one: ClusterLine) => `/v1/clusters/${encodeURIComponent(one.name)}/${one.id}`;

const busy = (one: ClusterLine) => one.stack_status.endsWith("IN_PROGRESS");

function ofCluster(one: ClusterLine, whole: Details | undefined): Trouble[] {
  const found: Trouble[] = [];
  const say = (harm: number, what: string, why: string, act?: Trouble["act"]) =>
    found.push({ harm, about: one.name, what, why, link: placeOf(one), act });
  const route = routeOf(one);
  const { running_instances: running, desired_capacity: desired } = one;
  const leaving = one.stack_status.startsWith("DELETE");
  if (!leaving && running === 0 && desired > 0 && one.stack_status !== "CREATE_IN_PROGRESS")
    say(0, "no instance in service", one.status_reason);
  else if (one.status === "ERROR" || one.stack_status.endsWith("_FAILED"))
    say(1, one.stack_status.replaceAll("_", " ").toLowerCase(), one.status_reason);
  if (whole?.storm) say(2, "replacing has stopped: too many are sick at once", whole.storm.reason);
  const update = whole?.update;
  if (update?.state === "failed")
    say(3, "the update has failed", update.reason, { label: "Roll back", method: "POST", path: `${route}/rollback` });
  if (running > 0 && running < desired && !busy(one)) say(4, `${running} of ${desired} in service`, one.status_reason);
  else if (one.status === "WARNING" && found.length === 0) say(4, "warning", one.status_reason);
  if (update?.state === "paused" || update?.state === "baking")
    say(6, `the update to ${update.to.image} waits`, update.reason, { label: "Resume", method: "POST", path: `${route}/resume` });
  const last = whole?.scaling?.last_decision;
  const capped = last?.cuts.some((cut) => cut.limiter === "max" && cut.after < cut.before);
  if (capped && last) say(5, `would be larger than its maximum of ${one.max_size}`, last.reason);
  return found;
}

function ofInstance(one: Instance): Trouble[] {
  if (wellness(one) !== "bad") return [];
  const path = `/v1/instances/${one.id}/replace`;
  return [
    {
      harm: 5,
      about: one.name,
      what: "instance is not well",
      why: one.status_reason,
      link: `/clusters/${encodeURIComponent(one.cluster_name)}/${one.cluster_id}?tab=members`,
      act: { label: "Replace", method: "POST", path },
    },
  ];
}

/** Return clusters that are being made and whose instances fail, by the newest word on each; newest first. */
function ofFailures(clusters: ClusterLine[], happenings: Happening[]): Trouble[] {
  const newest = new Map<string, Happening>();
  for (const one of happenings) if (one.otype === "NODE" && !newest.has(one.oid)) newest.set(one.oid, one);
  return clusters.filter(busy).flatMap((cluster) => {
    const failing = [...newest.values()].filter((one) => one.cluster_id === cluster.id && one.kind === "node.failed");
    if (!failing[0] || cluster.stack_status.startsWith("DELETE")) return [];
    const what = `${plural(failing.length, "instance")} cannot be made`;
    return [{ harm: 4, about: cluster.name, what, why: failing[0].status_reason, link: placeOf(cluster) }];
  });
}

interface Census {
  well: number;
  wrong: Trouble[];
}

const counted = new WeakMap<Instance[], Census>();

/** Return how many of one cluster's instances are well, and what is wrong with others; counted once, as a list is never changed. */
export function census(members: Instance[]): Census {
  let found = counted.get(members);
  if (!found) counted.set(members, (found = { well: members.filter((one) => wellness(one) === "good").length, wrong: members.flatMap(ofInstance) }));
  return found;
}

export interface Seen {
  clusters: ClusterLine[];
  details: Record<string, Details>;
  members: Map<string, Instance[]>; // by cluster
  happenings: Happening[]; // newest first
}

/** Return all that is wrong, what does most harm first. */
export function troubles({ clusters, details, members, happenings }: Seen): Trouble[] {
  const found = [
    ...clusters.flatMap((one) => ofCluster(one, details[one.id])),
    ...ofFailures(clusters, happenings),
    ...[...members.values()].flatMap((one) => census(one).wrong),
  ];
  return found.sort((a, b) => a.harm - b.harm || a.about.localeCompare(b.about));
}

/** Return a cluster's condition in one tone. */
export function condition(one: ClusterLine): Tone {
  if (one.status === "ERROR" || one.stack_status.endsWith("_FAILED")) return "bad";
  if (busy(one)) return "busy";
  if (one.status === "WARNING" || one.running_instances < one.desired_capacity) return "warn";
  return "good";
}

export const summary = (one: ClusterLine) =>
  `${plural(one.running_instances, "instance")} in service of ${one.desired_capacity} wanted; ${one.min_size} to ${one.max_size < 0 ? "any number" : one.max_size}`;

export function byCluster(instances: Instance[]): Map<string, Instance[]> {
  const found = new Map<string, Instance[]>();
  for (const one of instances) {
    const members = found.get(one.cluster_id ?? "");
    if (members) members.push(one);
    else found.set(one.cluster_id ?? "", [one]);
  }
  return found;
}

/** Whether nothing goes on in a cluster, and every kind of health of its members is known. */
export function isSettled(whole: Details): boolean {
  const known = (one: Instance) => !one.leaving && !Object.values(one.health).includes("unknown");
  return !busy(whole) && !whole.current_action && whole.instances.every(known);
}

// A request for a virtual cluster as an object: changed by fields, eased where it is impossible, drawn as a graph.
import type { Impossible, VCluster } from "./placing";

export interface Item {
  name: string;
  type: string;
  spec: Record<string, unknown>;
}

export interface Group {
  name?: string;
  membersRef: string[];
  spec: { rule: string; scope?: string; max_per_host?: number };
}

export interface Wish {
  name: string;
  instances: Item[];
  groupings: Group[];
  [more: string]: unknown;
}

export const RULES: Record<string, string> = {
  affinity: "together on one host",
  "anti-affinity": "apart, each on a host of its own",
  proximity: "together in one zone",
  "soft-affinity": "together, if that can be",
  "soft-anti-affinity": "apart, if that can be",
  "soft-proximity": "near, if that can be",
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const isObject = (said: unknown): said is Record<string, unknown> => typeof said === "object" && said !== null && !Array.isArray(said);

/** Return what a document asks for, where it has the plain form that fields can change; else null. */
export function wishOf(document: unknown): Wish | null {
  const said = isObject(document) ? document.vcluster : null;
  if (!isObject(said)) return null;
  const { instances = [], groupings = [] } = said;
  if (!Array.isArray(instances) || !Array.isArray(groupings)) return null;
  const plain = instances.every((one) => isObject(one) && typeof one.name === "string") && groupings.every((one) => isObject(one) && Array.isArray(one.membersRef) && isObject(one.spec));
  if (!plain) return null;
  const items = (instances as Item[]).map((one) => ({ ...one, spec: one.spec ?? {} }));
  return { ...said, name: String(said.name ?? ""), instances: items, groupings: groupings as Group[] };
}

/** Return what one that is there would be asked for as, by what is known of it. */
export function wishLike(one: VCluster): Wish {
  const said = (spec: Record<string, unknown>) => Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== "" && value !== null));
  return {
    name: one.name,
    cloud: one.cloud,
    instances: one.instances.map((each) => ({ name: each.name, type: each.type, spec: { ...said(each.spec), ...(each.attached_to && { attach_to: each.attached_to }) } })),
    groupings: one.groupings.map(({ name, membersRef, spec }) => ({ ...(name && { name }), membersRef, spec })),
  };
}

export const textOf = (wish: Wish): string => JSON.stringify({ vcluster: wish }, null, 2);

/** Return a name that nobody has. */
function free(wish: Wish, stem: string): string {
  const taken = new Set(wish.instances.map((one) => one.name));
  for (let number = 1; ; number += 1) if (!taken.has(`${stem}-${number}`)) return `${stem}-${number}`;
}

export function withItem(wish: Wish, type: "server" | "volume"): Wish {
  const spec = type === "server" ? { imageRef: "", flavorRef: "" } : { size: 10 };
  return { ...wish, instances: [...wish.instances, { name: free(wish, type), type, spec }] };
}

/** Return a wish in which one of its instances is another; a new name follows into the rules. */
export function changed(wish: Wish, at: number, item: Item): Wish {
  const before = wish.instances[at]?.name;
  const called = (name: unknown) => (name === before ? item.name : name);
  const instances = wish.instances.map((one, index) => {
    const now = index === at ? item : one;
    return now.spec.attach_to === undefined ? now : { ...now, spec: { ...now.spec, attach_to: called(now.spec.attach_to) } };
  });
  return { ...wish, instances, groupings: wish.groupings.map((one) => ({ ...one, membersRef: one.membersRef.map((name) => String(called(name))) })) };
}

/** Return a wish without an instance; rules that would be about nobody go with it. */
export function without(wish: Wish, name: string): Wish {
  const groupings = wish.groupings.map((one) => ({ ...one, membersRef: one.membersRef.filter((each) => each !== name) }));
  return { ...wish, instances: wish.instances.filter((one) => one.name !== name), groupings: groupings.filter((one) => one.membersRef.length) };
}

export const withGroup = (wish: Wish): Wish => ({ ...wish, groupings: [...wish.groupings, { name: `rule-${wish.groupings.length + 1}`, membersRef: [], spec: { rule: "anti-affinity" } }] });

/** Return what can be told to be wrong without asking, by where it stands, as the service names it. */
export function wishFaults(wish: Wish): Record<string, string> {
  const found: Record<string, string> = {};
  if (!NAME.test(wish.name)) found.name = wish.name ? "must be letters, digits, '.', '_', '-'" : "is required";
  const seen = new Set<string>();
  for (const [at, one] of wish.instances.entries()) {
    const here = `instances[${at}]`;
    if (!NAME.test(one.name)) found[`${here}.name`] = "must be letters, digits, '.', '_', '-'";
    else if (seen.has(one.name)) found[`${here}.name`] = "is taken by another of them";
    seen.add(one.name);
    if (one.type === "server") for (const ref of ["imageRef", "flavorRef"]) if (!one.spec[ref]) found[`${here}.spec.${ref}`] = "choose one";
    if (one.type !== "server" && !(Number.isInteger(Number(one.spec.size)) && Number(one.spec.size) >= 1)) found[`${here}.spec.size`] = "must be whole GiB, 1 at least";
  }
  for (const [at, one] of wish.groupings.entries()) {
    if (!one.membersRef.length) found[`groupings[${at}].membersRef`] = "choose some";
    const most = one.spec.max_per_host;
    if (most !== undefined && !(Number.isInteger(most) && most >= 1)) found[`groupings[${at}].spec.max_per_host`] = "must be a number from 1 up";
  }
  return found;
}

type Change = { change: string; rule: { number: number } | null; instance: string | null };

/** Return the wish with all changes of a way out made; null where one is not the request's to make. */
export function eased(wish: Wish, way: NonNullable<Impossible["relaxations"]>[number]): Wish | null {
  let now: Wish | null = wish;
  for (const each of way.changes as Change[]) now = now && step(now, each);
  return now;
}

function step(wish: Wish, { change, rule, instance }: Change): Wish | null {
  const group = rule ? wish.groupings[rule.number] : undefined;
  const ruled = (spec: Group["spec"]): Wish => ({ ...wish, groupings: wish.groupings.map((one) => (one === group ? { ...one, spec } : one)) });
  if (change === "raise" && group) return ruled({ ...group.spec, max_per_host: (group.spec.max_per_host ?? 1) + 1 });
  if (change === "soften" && group) return group.spec.rule.startsWith("soft-") ? null : ruled({ ...group.spec, rule: `soft-${group.spec.rule}` });
  if (change === "leave_out" && instance) return emptied(wish, instance);
  if (change === "any_zone" && instance) return zoneless(wish, instance);
  return null;
}

/** Leave an instance out, and keep the numbers of the rules: later changes name them. */
const emptied = (wish: Wish, name: string): Wish => ({ ...wish, instances: wish.instances.filter((one) => one.name !== name), groupings: wish.groupings.map((one) => ({ ...one, membersRef: one.membersRef.filter((each) => each !== name) })) });

function zoneless(wish: Wish, name: string): Wish | null {
  if (!wish.instances.some((one) => one.name === name && one.spec.availability_zone)) return null;
  const instances = wish.instances.map((one) => {
    if (one.name !== name) return one;
    const { availability_zone: _, ...spec } = one.spec;
    return { ...one, spec };
  });
  return { ...wish, instances };
}

/** Return a wish without the rules that are about nobody. */
export const tidied = (wish: Wish): Wish => ({ ...wish, groupings: wish.groupings.filter((one) => one.membersRef.length) });

export interface Knot {
  name: string;
  type: string;
  x: number;
  y: number;
}

export interface Thread {
  from: Knot;
  to: Knot;
  rule: string; // "" is a volume's way to its server
  group: number;
}

export const WIDE = 640;
const ROW = 5; // servers beside each other
const HIGH = 120; // of one row of servers with its volumes
const MARGIN = 70;

/** Return servers and volumes with places to be drawn at, and what ties them. */
export function graph(wish: Wish): { knots: Knot[]; threads: Thread[]; height: number } {
  const servers = wish.instances.filter((one) => one.type === "server");
  const columns = Math.max(1, Math.min(ROW, servers.length || wish.instances.length));
  const apart = columns > 1 ? (WIDE - 2 * MARGIN) / (columns - 1) : 0;
  const at = (index: number, down: number) => ({ x: columns > 1 ? MARGIN + apart * (index % columns) : WIDE / 2, y: 40 + Math.floor(index / columns) * HIGH + down });
  const knots = new Map<string, Knot>(servers.map((one, index) => [one.name, { name: one.name, type: one.type, ...at(index, 0) }]));
  const under = new Map<string, number>();
  const threads: Thread[] = [];
  for (const [index, one] of wish.instances.filter((each) => each.type !== "server").entries()) {
    const home = knots.get(homeOf(wish, one));
    const nth = home ? (under.get(home.name) ?? 0) : 0;
    if (home) under.set(home.name, nth + 1);
    const knot = { name: one.name, type: one.type, ...(home ? { x: home.x + nth * 18, y: home.y + 45 + nth * 22 } : at(index, 45)) };
    knots.set(one.name, knot);
    if (home && one.spec.attach_to) threads.push({ from: home, to: knot, rule: "", group: -1 });
  }
  for (const [group, one] of wish.groupings.entries())
    for (const [index, name] of one.membersRef.entries()) {
      const [from, to] = [knots.get(one.membersRef[index - 1] ?? ""), knots.get(name)];
      if (from && to) threads.push({ from, to, rule: one.spec.rule, group });
    }
  return { knots: [...knots.values()], threads, height: Math.max(90, ...[...knots.values()].map((one) => one.y + 40)) };
}

/** Return the server that a volume is of: told, or the one it has to be together with. */
function homeOf(wish: Wish, volume: Item): string {
  if (typeof volume.spec.attach_to === "string") return volume.spec.attach_to;
  const group = wish.groupings.find((one) => one.spec.rule === "affinity" && one.membersRef.includes(volume.name));
  return group?.membersRef.find((name) => wish.instances.some((one) => one.name === name && one.type === "server")) ?? "";
}

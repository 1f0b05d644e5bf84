// A virtual cluster that is there, changed: what is told of the difference, and what is said of it.
import type { Impossible } from "./placing";
import { eased, type Group, type Item, type Wish } from "./weave";

export interface Moving {
  names: string[]; // who is to move
  to: string; // the host
  allowed: boolean; // others may, too, where there is no other way
}

export const NOBODY_MOVES: Moving = { names: [], to: "", allowed: false };

export interface Change {
  instances?: Item[];
  groupings?: Group[];
  remove_instances?: string[];
  remove_groupings?: string[];
  move_instances?: string[];
  to_host?: string;
  allow_moves?: boolean;
}

/** Return what has to be asked for, so that one wish becomes the other; no key where nothing is. */
export function difference(before: Wish, after: Wish, moving: Moving): Change {
  const there = new Set(before.instances.map((one) => one.name));
  const wanted = new Set(after.instances.map((one) => one.name));
  const { gone, added } = rules(pared(before.groupings, wanted), after.groupings);
  const names = moving.names.filter((name) => there.has(name) && wanted.has(name));
  const all: Required<Change> = {
    instances: after.instances.filter((one) => !there.has(one.name)),
    groupings: added.map((at) => after.groupings[at] as Group),
    remove_instances: [...there].filter((name) => !wanted.has(name)),
    remove_groupings: gone,
    move_instances: names,
    to_host: names.length ? moving.to : "",
    allow_moves: moving.allowed,
  };
  return Object.fromEntries(Object.entries(all).filter(([, said]) => (Array.isArray(said) ? said.length : said)));
}

/** Return the rules as they are once others have left: the service takes those out of them by itself. */
function pared(groups: Group[], wanted: Set<string>): Group[] {
  return groups.map((one) => ({ ...one, membersRef: one.membersRef.filter((name) => wanted.has(name)) })).filter((one) => one.membersRef.length);
}

const sameness = ({ membersRef, spec }: Group) => JSON.stringify([membersRef, spec.rule, spec.scope ?? "", spec.max_per_host ?? 1]);
const called = (groups: Group[], name: string) => groups.filter((one) => (one.name ?? "") === name);

/** Return the names of rules to be taken out, and where those stand that are to be added. A name takes out all that are called so. */
function rules(before: Group[], after: Group[]): { gone: string[]; added: number[] } {
  const names = [...new Set([...before, ...after].map((one) => one.name ?? ""))];
  const other = new Set(names.filter((name) => called(before, name).map(sameness).join() !== called(after, name).map(sameness).join()));
  return {
    gone: [...other].filter((name) => called(before, name).length),
    added: after.flatMap((one, at) => (other.has(one.name ?? "") ? [at] : [])),
  };
}

/** Return what the service says of a change at the fields of the wish that it is made from. */
export function placed(fields: Record<string, string>, change: Change, after: Wish): Record<string, string> {
  const at = (kind: "instances" | "groupings", index: number) => {
    const sent = change[kind]?.[index];
    return sent ? (after[kind] as unknown[]).indexOf(sent) : -1;
  };
  return Object.fromEntries(
    Object.entries(fields).map(([name, why]) => {
      const found = /^vcluster\.(instances|groupings)\[(\d+)\](.*)$/.exec(name);
      if (!found) return [name, why];
      const index = at(found[1] as "instances" | "groupings", Number(found[2]));
      return [index < 0 ? name : `vcluster.${found[1]}[${index}]${found[3]}`, why];
    }),
  );
}

/** Return the wish, and who may move, with all of a way out done; null where one is not the request's to make. */
export function easedOf(after: Wish, change: Change, moving: Moving, way: NonNullable<Impossible["relaxations"]>[number]): { wish: Wish; moving: Moving } | null {
  const changes = way.changes as { change: string; instance: string | null }[];
  const others = changes.filter((one) => one.change !== "let_move");
  const kept = after.groupings.filter((one) => !change.groupings?.includes(one));
  const asNumbered = { ...after, groupings: [...kept, ...(change.groupings ?? [])] };
  const there = new Set(change.instances?.map((one) => one.name));
  if (others.some((one) => one.change === "any_zone" && !there.has(one.instance ?? ""))) return null;
  const wish = others.length ? eased(asNumbered, { ...way, changes: others }) : after;
  return wish && { wish, moving: { ...moving, allowed: moving.allowed || changes.length > others.length } };
}

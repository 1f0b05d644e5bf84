// Actions as a tree: what was asked for, and under it what is done for it.
import type { Action } from "./types";

export interface Twig {
  action: Action;
  depth: number;
  waits: number; // so many have not ended that it waits for
}

const DERIVED = "Derived Action";

/** Whether something was still going on with an action at that moment. */
function spans(one: Action, moment: string): boolean {
  return one.created_at <= moment && (one.end_time == null || one.end_time * 1000 + 1000 >= Date.parse(moment));
}

/**
 * Return who each action is done for. The API names those that have not ended; of the others, it is
 * what was asked of the same cluster and went on when they began, the latest of such.
 */
function parents(actions: Action[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of actions) for (const child of one.depends_on) found.set(child, one.id);
  const asked = actions.filter((one) => !one.cause.startsWith(DERIVED)).sort((a, b) => b.created_at.localeCompare(a.created_at));
  for (const one of actions) {
    if (found.has(one.id) || !one.cause.startsWith(DERIVED)) continue;
    const parent = one.depended_by[0] ?? asked.find((each) => !!one.cluster_id && each.cluster_id === one.cluster_id && spans(each, one.created_at))?.id;
    if (parent) found.set(one.id, parent);
  }
  return found;
}

/** Return actions in the order of reading: newest wish first, under each what is done for it. */
export function tree(actions: Action[]): Twig[] {
  const above = parents(actions);
  const known = new Set(actions.map((one) => one.id));
  const children = new Map<string, Action[]>();
  for (const one of [...actions].sort((a, b) => b.created_at.localeCompare(a.created_at) || a.id.localeCompare(b.id))) {
    const parent = above.get(one.id);
    const at = parent && known.has(parent) ? parent : "";
    children.set(at, [...(children.get(at) ?? []), one]);
  }
  const made: Twig[] = [];
  const seen = new Set<string>();
  const grow = (at: string, depth: number) => {
    for (const action of children.get(at) ?? []) {
      if (seen.has(action.id)) continue;
      seen.add(action.id);
      made.push({ action, depth, waits: action.depends_on.length });
      grow(action.id, depth + 1);
    }
  };
  grow("", 0);
  return made;
}

/** Return the twigs that fit, with what they hang from, so that none hangs in the air. */
export function pruned(twigs: Twig[], fits: (one: Action) => boolean): Twig[] {
  const kept = new Set<Twig>();
  const line: Twig[] = [];
  for (const twig of twigs) {
    line.length = twig.depth;
    line.push(twig);
    if (fits(twig.action)) for (const each of line) kept.add(each);
  }
  return twigs.filter((twig) => kept.has(twig));
}

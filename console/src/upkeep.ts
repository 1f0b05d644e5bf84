// What is read next of what has changed: who is on the screen at once, the others in their turn.

const MANY = 12; // so many are read one by one; more of them by one reading of everything
const PACE_MS = 1000; // between two readings of some that are not on the screen
const REST_MS = 5000; // between two readings of everything,
const REST_SHARE = 20; // and so many times as long as the last one took

export interface Standing {
  dirty: Set<string>; // who has changed since being read
  seen: Set<string>; // who is on the screen
  hidden: boolean; // whether nobody looks at the page
  now: number;
  some: number; // when others were read last
  all: { at: number; took: number }; // when everything was read last, and how long that took
}

/** Return the ids to read now, maybe none yet, or "all" where one reading of everything is due. */
export function next({ dirty, seen, hidden, now, some, all }: Standing): string[] | "all" {
  if (hidden) return [];
  const first = [...dirty].filter((id) => seen.has(id));
  if (first.length) return first.slice(0, MANY);
  if (dirty.size > MANY) return now - all.at >= Math.max(REST_MS, REST_SHARE * all.took) ? "all" : [];
  return now - some >= PACE_MS ? [...dirty] : [];
}

/** Return who is looked at once more after everything was read: who is on the screen, and who is not in order. */
export const toLookAt = (seen: Iterable<string>, odd: Iterable<string>): string[] => [...new Set([...seen, ...odd])].slice(0, MANY);

// A cluster's decisions as lines over one time axis.
import type { Decision } from "./types";

export interface Series {
  at: number[]; // seconds
  desired: (number | null)[];
  ready: (number | null)[];
  wanted: (number | null)[];
  load: (number | null)[];
  metric: string;
}

const METRICS = ["cpu", "requests", "custom", "prometheus"];
const POSSIBLE = 100; // shares are shown in percent

/** Return the lines that decisions make, oldest first; one that was repeated spans its time. */
export function series(decisions: Decision[]): Series {
  const ordered = [...decisions].sort((a, b) => a.at.localeCompare(b.at));
  const metric = METRICS.find((each) => ordered.some((one) => one.inputs[each] != null)) ?? "cpu";
  const made: Series = { at: [], desired: [], ready: [], wanted: [], load: [], metric };
  const put = (moment: string, one: Decision) => {
    const at = Date.parse(moment) / 1000;
    if (made.at.length && at <= (made.at.at(-1) ?? 0)) return;
    const load = one.inputs[metric] ?? null;
    made.at.push(at);
    made.desired.push(one.after);
    made.wanted.push(one.wanted);
    made.ready.push(one.inputs.ready ?? null);
    made.load.push(load === null ? null : metric === "cpu" ? load * POSSIBLE : load);
  };
  for (const one of ordered) {
    put(one.at, one);
    if (one.last_at !== one.at) put(one.last_at, one);
  }
  return made;
}

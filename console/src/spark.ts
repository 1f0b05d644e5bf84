// The load of a cluster as a small line.
import { series } from "./series";
import type { Decision } from "./types";

export const [WIDE, HIGH] = [90, 22];

export interface Spark {
  points: string; // of an SVG polyline
  about: string;
}

/** Return the line that a cluster's load makes; null where too little is known of it. */
export function spark(decisions: Decision[]): Spark | null {
  const { at, load, metric } = series(decisions);
  const known = at.flatMap((moment, index) => (load[index] == null ? [] : [[moment, load[index]] as const]));
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last || first === last) return null;
  const most = Math.max(...known.map(([, value]) => value), metric === "cpu" ? 100 : 0.001);
  const x = (moment: number) => ((moment - first[0]) / (last[0] - first[0])) * WIDE;
  const y = (value: number) => HIGH - 1 - (value / most) * (HIGH - 2);
  const points = known.map(([moment, value]) => `${x(moment).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const unit = metric === "cpu" ? " %" : metric === "requests" ? " requests a second" : "";
  return { points, about: `${metric === "requests" ? "load" : metric} of an instance: ${Math.round(last[1] * 10) / 10}${unit} now, ${Math.round(Math.max(...known.map(([, value]) => value)) * 10) / 10}${unit} at most` };
}

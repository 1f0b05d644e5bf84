// The load of a cluster as a small line.
import { series } from "./series";
import type { Decision } from "./types";

export const [WIDE, HIGH] = [90, 22];

export interface Spark {
  points: string; // of an SVG polyline
  about: string;
}

/** What a load balancer has counted up to a moment; nulls where there is none. */
export interface Traffic {
  at: string | null;
  requests: number | null;
}

type Point = readonly [moment: number, value: number];

/** Return requests a second between each two readings; one that began anew says nothing of before. */
export function rates(readings: Traffic[]): Point[] {
  const known = readings.flatMap(({ at, requests }) => (at === null || requests === null ? [] : [[Date.parse(at) / 1000, requests] as const]));
  return known.slice(1).flatMap(([moment, count], index) => {
    const [before, counted] = known[index] as Point;
    return moment > before && count >= counted ? [[moment, (count - counted) / (moment - before)] as const] : [];
  });
}

/** Return the line that requests through a load balancer make; null before there are three readings. */
export const flow = (readings: Traffic[]): Spark | null => line(rates(readings), 0.001, (value) => `${rounded(value)} requests a second`);

/** Return the line that a cluster's load makes; null where too little is known of it. */
export function spark(decisions: Decision[]): Spark | null {
  const { at, load, metric } = series(decisions);
  const known = at.flatMap((moment, index) => (load[index] == null ? [] : [[moment, load[index]] as const]));
  const unit = metric === "cpu" ? " %" : metric === "requests" ? " requests a second" : "";
  const made = line(known, metric === "cpu" ? 100 : 0.001, (value) => `${rounded(value)}${unit}`);
  return made && { ...made, about: `${metric === "requests" ? "load" : metric} of an instance: ${made.about}` };
}

const rounded = (value: number) => Math.round(value * 10) / 10;

function line(known: Point[], least: number, said: (value: number) => string): Spark | null {
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last || first === last) return null;
  const peak = Math.max(...known.map(([, value]) => value));
  const most = Math.max(peak, least);
  const x = (moment: number) => ((moment - first[0]) / (last[0] - first[0])) * WIDE;
  const y = (value: number) => HIGH - 1 - (value / most) * (HIGH - 2);
  const points = known.map(([moment, value]) => `${x(moment).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return { points, about: `${said(last[1])} now, ${said(peak)} at most` };
}

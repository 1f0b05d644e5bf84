// A load to try rules on: made from a few numbers, or as it was measured; and what became of it.
import { share } from "./form";

export type Point = [seconds: number, load: number];

export interface Trial {
  shape: "rise" | "wave" | "spike" | "measured";
  low: string;
  high: string;
  minutes: string;
  csv: string;
  out: string; // thresholds in percent; empty: as now
  into: string;
  min: string;
  max: string;
  boot: string;
  capacity: string;
}

export const FIRST: Trial = { shape: "rise", low: "100", high: "600", minutes: "60", csv: "", out: "", into: "", min: "", max: "", boot: "30", capacity: "100" };
export const SHAPES: Record<Trial["shape"], string> = { rise: "a rise that stays", wave: "up and down, like a day", spike: "a short spike", measured: "as it was measured (CSV)" };

export interface Simulation {
  name: "now" | "asked";
  score: { j: number; lost: number; under: number; cost: number; changes_per_hour: number; reaction_s: number };
  seconds: number[];
  load: number[];
  needed: number[];
  ready: number[];
  lost: number[];
}

const TURNS = 60; // points of a wave
const MINUTE_S = 60;

/** Return the load that a trial is about; without one where it is not complete. */
export function load(one: Trial): Point[] {
  if (one.shape === "measured") return csv(one.csv).points;
  const [low, high, end] = [Number(one.low), Number(one.high), Number(one.minutes) * MINUTE_S];
  if (one.shape === "rise") return [[0, low], [end * 0.2, low], [end * 0.35, high], [end, high]];
  if (one.shape === "spike") return [[0, low], [end * 0.4, low], [end * 0.42, high], [end * 0.5, high], [end * 0.52, low], [end, low]];
  return Array.from({ length: TURNS + 1 }, (_, at) => [(end * at) / TURNS, low + ((high - low) * (1 - Math.cos((2 * Math.PI * at) / TURNS))) / 2]);
}

/** Read lines of time and load, with or without a header; times are seconds or ISO 8601. */
export function csv(text: string): { points: Point[]; wrong: string } {
  const points: Point[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (!line.trim()) continue;
    const [time = "", said = ""] = line.split(/[,;\t]/).map((part) => part.trim());
    const seconds = /^\d+([.]\d+)?$/.test(time) ? Number(time) : Date.parse(time) / 1000;
    const value = said === "" ? Number.NaN : Number(said);
    if (points.length === 0 && !Number.isFinite(seconds) && !Number.isFinite(value)) continue; // the header
    if (!Number.isFinite(seconds)) return { points: [], wrong: `line ${at + 1}: '${time}' is no time; seconds or ISO 8601` };
    if (!Number.isFinite(value) || value < 0) return { points: [], wrong: `line ${at + 1}: '${said}' is no load; a number from 0 up` };
    const before = points.at(-1);
    if (before && seconds <= before[0]) return { points: [], wrong: `line ${at + 1}: times must ascend` };
    points.push([seconds, value]);
  }
  const [first] = points;
  if (points.length < 2 || !first) return { points: [], wrong: "needs two lines of time and load at least" };
  return { points: points.map(([seconds, value]) => [seconds - first[0], value]), wrong: "" };
}

const NUMBER = /^\d+([.,]\d+)?$/;
const number = (said: string) => Number(said.replace(",", "."));

function outside(said: string, low: number, high: number): string {
  if (!NUMBER.test(said)) return "must be a number";
  return number(said) < low || number(said) > high ? `must be from ${low} to ${high}` : "";
}

/** Return what is wrong with a trial, by field. */
export function trialFaults(one: Trial): Record<string, string> {
  const whole = (said: string) => (said && !/^\d{1,6}$/.test(said) ? "must be a whole number" : "");
  const found: Record<string, string> = {
    ...(one.shape === "measured"
      ? { csv: csv(one.csv).wrong }
      : { low: outside(one.low, 0, 1e9), high: outside(one.high, 0, 1e9), minutes: outside(one.minutes, 1, 10080) }),
    min: whole(one.min),
    max: whole(one.max) || (one.min && one.max && Number(one.min) > Number(one.max) ? "must be the minimum at least" : ""),
    out: one.out && outside(one.out, 1, 100),
    into: one.into && outside(one.into, 0, 100),
    boot: outside(one.boot, 0, 86400),
    capacity: outside(one.capacity, 0.001, 1e9),
  };
  if (!found.into && one.into && one.out && number(one.into) >= number(one.out)) found.into = "must be less than the threshold that adds";
  return Object.fromEntries(Object.entries(found).filter((each): each is [string, string] => !!each[1]));
}

/** Return the body of the request; a long load is looked at less often. */
export function trialBody(one: Trial): Record<string, unknown> {
  const points = load(one);
  const [first, last] = [points[0], points.at(-1)];
  const span = first && last ? last[0] - first[0] : 0;
  return {
    load: points,
    plant: { boot_seconds: number(one.boot), member_capacity: number(one.capacity), step_seconds: Math.max(15, Math.ceil(span / LOOKS)) },
    ...(one.out && { scale_out_threshold: share(one.out) }),
    ...(one.into && { scale_in_threshold: share(one.into) }),
    ...(one.min && { min_size: Number(one.min) }),
    ...(one.max && { max_size: Number(one.max) }),
  };
}

const LOOKS = 5000;
const FIELDS: Record<string, keyof Trial> = { scale_out_threshold: "out", scale_in_threshold: "into", min_size: "min", max_size: "max", "plant.boot_seconds": "boot", "plant.member_capacity": "capacity", load: "csv" };

/** Return what the service finds wrong by the fields of the form; "" has what is about none of them. */
export function placed(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, why]) => [FIELDS[name] ?? "", FIELDS[name] ? why : `${name} ${why}`]));
}

// A job over servers as a board: one row for each server, one column for each kind of step.
import { stepTone, type Job, type Step } from "./metal";
import type { Tone } from "./words";

export interface Cell {
  tone: Tone;
  label: string;
  reason: string;
}

export interface Board {
  columns: string[];
  rows: { server: string; cells: (Cell | null)[] }[]; // "" is the cluster itself
}

const OVER = ["done", "left", "dropped"];
const WORST: Tone[] = ["bad", "warn", "busy", "idle", "good"];

/** Return the board of a job; several steps of one kind at one server are one cell. */
export function board(one: Pick<Job, "steps">): Board {
  const columns = [...new Set(one.steps.map((each) => each.step))];
  const servers = [...new Set(one.steps.map((each) => each.server))];
  return {
    columns,
    rows: servers.map((server) => ({ server, cells: columns.map((column) => cell(one.steps.filter((each) => each.server === server && each.step === column))) })),
  };
}

function cell(steps: Step[]): Cell | null {
  const [first] = steps;
  if (!first) return null;
  const done = steps.filter((each) => OVER.includes(each.status)).length;
  const tones = steps.map(stepTone);
  const begun = done > 0 && done < steps.length;
  const tone = WORST.find((each) => tones.includes(each)) ?? "idle";
  const refused = steps.find((each) => each.reason);
  return {
    tone: begun && tone === "idle" ? "busy" : tone,
    label: steps.length === 1 ? first.status : `${done} of ${steps.length}`,
    reason: refused?.reason ?? "",
  };
}

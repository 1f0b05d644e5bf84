// Values in words for people.

const TODAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const BEFORE = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** Return a moment in the reader's time zone: the time alone where it is of today. */
export function local(moment: string | null, now = new Date()): string {
  if (!moment) return "";
  const at = new Date(moment);
  return at.toDateString() === now.toDateString() ? TODAY.format(at) : BEFORE.format(at);
}

export function utc(moment: string | null): string {
  return moment ? `${new Date(moment).toISOString().slice(0, 19).replace("T", " ")} UTC` : "";
}

export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let left = bytes;
  let unit = 0;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit && left < 10 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

const VERBS: Record<string, string> = {
  CLUSTER_CREATE: "Create",
  CLUSTER_DELETE: "Delete",
  CLUSTER_UPDATE: "Update",
  CLUSTER_RESIZE: "Resize",
  CLUSTER_SCALE_OUT: "Scale out",
  CLUSTER_SCALE_IN: "Scale in",
  CLUSTER_CHECK: "Check",
  CLUSTER_RECOVER: "Recover",
  NODE_CREATE: "Create",
  NODE_DELETE: "Delete",
  NODE_UPDATE: "Update",
};

export function verb(action: string): string {
  if (VERBS[action]) return VERBS[action];
  const said = action.replace(/^(CLUSTER|NODE)_/, "").replaceAll("_", " ").toLowerCase();
  return said.charAt(0).toUpperCase() + said.slice(1);
}

const STATES: Record<string, string> = {
  rolling: "rolling",
  baking: "watching the canary",
  paused: "paused",
  rolling_back: "rolling back",
  done: "done",
  rolled_back: "rolled back",
  failed: "failed",
};

export const rolloutState = (state: string) => STATES[state] ?? state;

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

const TONES: Record<string, Tone> = {
  ACTIVE: "good",
  active: "good",
  available: "good",
  "in-use": "good",
  WARNING: "warn",
  ERROR: "bad",
  error: "bad",
};

/** Return how a status is to be shown; every tone has a shape of its own beside its colour. */
export const tone = (status: string): Tone => TONES[status] ?? "busy";

export function percent(share: number | null | undefined): string {
  return share == null ? "–" : `${Math.round(share * 1000) / 10} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

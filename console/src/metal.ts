// Servers, their clusters and jobs, as /1.0 shows them, and what is to be said of them.
import type { Tone } from "./words";

export interface Server {
  name: string;
  connection_url: string;
  channel: string;
  description: string;
  properties: Record<string, string>;
  system_uuid: string;
  machine_id: string;
  fingerprint: string;
  cluster: string | null;
  server_type: string;
  hardware_data: unknown;
  os_data: unknown;
  version_data: {
    os: { name: string; version: string; version_next: string };
    applications: { name: string; version: string; friendly_version: string }[];
    update_channel: string;
    needs_reboot: boolean;
    in_maintenance: number;
  };
  server_status: string;
  server_status_detail: string;
  server_status_reason: string;
  last_seen: string;
  system_state_is_trusted: boolean;
}

export interface Step {
  step: string;
  server: string;
  what: string;
  status: string;
  reason: string;
  tries: number;
  begun_at: string;
  ended_at: string;
}

export interface Job {
  id: string;
  kind: string;
  status: string;
  reason: string;
  progress: string;
  asked_at: string;
  ended_at: string;
  steps: Step[];
}

export interface ServerCluster {
  name: string;
  server_type: string;
  server_names: string[];
  connection_url: string;
  channel: string;
  description: string;
  status: string;
  cloud: string | null;
  cloud_reason: string;
  update_status: { needs_reboot: string[]; in_maintenance: string[] };
  job: Job | null;
  bulk_update: { uuid: string; action: string; status: string; reason: string; done: number; total: number; created_at: string; ended_at: string } | null; // the newest
  last_updated: string;
}

export interface Token {
  uuid: string;
  uses_remaining: number;
  expire_at: string;
  description: string;
  channel: string;
}

export interface Template {
  name: string;
  description: string;
  service_config_template: string;
  application_config_template: string;
  variables: Record<string, { description: string; default: unknown; type?: string; choices?: string[]; pattern?: string; min?: number; max?: number }>;
  last_updated: string;
}

export interface Warning {
  uuid: string;
  status: string;
  scope: { scope: string; entity_type: string; entity: string };
  type: string;
  first_occurrence: string;
  last_occurrence: string;
  messages: string[];
  count: number;
}

export interface Found {
  uuid: string;
  cluster: string;
  server?: string;
  project_name?: string;
  parent_name?: string;
  type?: string;
  name: string;
  object: Record<string, unknown>;
}

/** Return a moment, or null for the year 1, by which this API says never. */
export const moment = (said: string): string | null => (said && !said.startsWith("0001-") ? said : null);

const TONES: Record<string, Tone> = { ready: "good", pending: "busy", offline: "bad", unregistered: "idle", failed: "bad" };

/** Return how a status is shown; whoever is ready and at something is busy. */
export const standing = (status: string, detail = ""): Tone => (status === "ready" && detail ? "busy" : (TONES[status] ?? "warn"));
export const statusSaid = (one: Server) => [one.server_status, one.server_status_detail].filter(Boolean).join(", ");

const MAINTENANCE = ["", "it is being evacuated", "it is evacuated", "it takes back what it had"];

/** Return what is not as it should be with a server, in words. */
export function faults(one: Server): string[] {
  const said = one.version_data;
  const told = one.server_status !== "ready" ? one.server_status_reason : "";
  return [
    told,
    MAINTENANCE[said.in_maintenance] ?? "",
    said.needs_reboot ? "it needs a reboot" : "",
    said.update_channel && one.channel && said.update_channel !== one.channel ? `it says that it is of the channel ${said.update_channel}, not ${one.channel}` : "",
  ].filter(Boolean);
}

const ENDED = ["done", "turned back", "cancelled"];
export const isOpen = (one: Job | null): boolean => !!one && !ENDED.includes(one.status);

const JOB_TONES: Record<string, Tone> = { running: "busy", "turning back": "busy", paused: "warn", stopped: "bad", done: "good", "turned back": "warn", cancelled: "idle" };
export const jobTone = (one: Job): Tone => JOB_TONES[one.status] ?? "busy";

const STEP_TONES: Record<string, Tone> = { planned: "idle", begun: "busy", done: "good", refused: "bad", left: "warn", dropped: "idle" };
export const stepTone = (one: Step): Tone => STEP_TONES[one.status] ?? "idle";

const OVER = ["done", "left", "dropped"];
export const over = (one: Job): number => one.steps.filter((each) => OVER.includes(each.status)).length;

export interface Way {
  verb: string;
  label: string;
  step: string;
  danger?: boolean;
}

const WAYS: (Way & { of: string[] | null; when: string[] })[] = [
  { verb: ":pause", label: "Pause", of: ["update", "reboot"], when: ["running"], step: "it rests after the step that it is at" },
  { verb: ":resume", label: "Resume", of: null, when: ["paused", "stopped"], step: "it goes on; what was refused is tried again" },
  { verb: ":rollback", label: "Roll back", of: ["create", "add-servers"], when: ["running", "paused", "stopped"], step: "what was done is undone; servers that had begun to be members are reset", danger: true },
  { verb: ":cancel-operation", label: "End it", of: ["update", "reboot", "evacuate", "restore", "certificate"], when: ["running", "paused", "stopped"], step: "it ends; the server that it is at comes back first", danger: true },
];

/** Return what may be done with a job as it is. */
export function ways(one: Job | null): Way[] {
  return one ? WAYS.filter((each) => each.when.includes(one.status) && (each.of === null || each.of.includes(one.kind))) : [];
}

/** Return what fits a search of the inventory in one row of lists: by kind, then as they come. */
export function byKind(answer: ({ cluster: string } & Record<string, unknown>)[]): [string, Found[]][] {
  const found = new Map<string, Found[]>();
  for (const { cluster: _, ...kinds } of answer)
    for (const [kind, those] of Object.entries(kinds)) if (Array.isArray(those)) found.set(kind, [...(found.get(kind) ?? []), ...(those as Found[])]);
  return [...found].filter(([, those]) => those.length).sort(([a], [b]) => a.localeCompare(b));
}

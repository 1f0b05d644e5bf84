// Virtual clusters: who is where, and why somebody can be nowhere.
import type { Document } from "./document";
import type { Tone } from "./words";

export interface Member {
  id: string | null;
  name: string;
  type: "server" | "volume" | string;
  status: string;
  status_reason: string;
  host: string | null;
  zone: string | null;
  addresses: string[];
  attached_to: string | null;
  spec: Record<string, unknown>;
}

export interface Grouping {
  name: string;
  membersRef: string[];
  spec: { rule: string; scope: string; max_per_host?: number };
  state: string;
  violated_by: string[];
  reason: string | null;
}

export interface VCluster {
  id: string | null;
  name: string;
  user: string;
  cloud: string;
  status: string;
  status_reason: string;
  instances: Member[];
  groupings: Grouping[];
  created_at: string | null;
  updated_at: string | null;
}

export interface Move {
  instance: string;
  source: string;
  target: string;
}

export interface Planned {
  vcluster: VCluster;
  placement: { best: boolean; moves: Move[] };
  hash: string; // with which it is done only if it is still the plan
}

interface Rule {
  number: number;
  name: string;
  rule: string;
}

export interface Impossible {
  message: string;
  undecided?: boolean;
  unplaced?: string[];
  placement?: Record<string, string>;
  conflict?: { text: string; instances: string[]; rules: Rule[]; wants: { instance: string; wants: string }[]; resources: string[]; minimal: boolean };
  relaxations?: { text: string; cost: number; changes: unknown[]; placement: Record<string, string>; moves: Move[] }[];
}

const TONES: Record<string, Tone> = { ACTIVE: "good", BUILDING: "busy", PLANNED: "idle", BROKEN: "bad", LEAVING: "idle" };
export const memberTone = (one: Member): Tone => TONES[one.status] ?? "busy";

export interface Host {
  name: string; // "": nowhere yet
  members: Member[];
}

export interface Zone {
  name: string; // "": a cloud that has none
  hosts: Host[];
}

const byName = (a: { name: string }, b: { name: string }) => Number(!a.name) - Number(!b.name) || a.name.localeCompare(b.name, undefined, { numeric: true });

/** Return members on their hosts in their zones; those that are nowhere come last. */
export function map(members: Member[]): Zone[] {
  const zones = new Map<string, Map<string, Member[]>>();
  for (const one of members) {
    const hosts = zones.get(one.zone ?? "") ?? new Map<string, Member[]>();
    hosts.set(one.host ?? "", [...(hosts.get(one.host ?? "") ?? []), one]);
    zones.set(one.zone ?? "", hosts);
  }
  return [...zones]
    .map(([name, hosts]) => ({ name, hosts: [...hosts].map(([host, those]) => ({ name: host, members: those.sort(byName) })).sort(byName) }))
    .sort(byName);
}

/** Return what a member is made of, in a few words. */
export function madeOf({ spec }: Member): string {
  const size = spec.size ? `${spec.size} GiB` : "";
  return [spec.imageRef, spec.flavorRef, size, spec.volume_type].filter(Boolean).join(", ");
}

/** Return a rule as a sentence. */
export function sentence(one: Grouping): string {
  const most = one.spec.max_per_host && one.spec.max_per_host > 1 ? `, at most ${one.spec.max_per_host} on one ${one.spec.scope}` : "";
  return `${one.spec.rule} by ${one.spec.scope}${most}: ${one.membersRef.join(", ")}`;
}

/** Return what a refusal tells of why nothing was placed; null where it was refused for something else. */
export function impossible(answer: unknown): Impossible | null {
  const error = (answer as { error?: Impossible } | null)?.error;
  return error && (error.conflict || error.undecided) ? error : null;
}

export interface Checked {
  fine: boolean;
  wrong: string;
  body: string; // what is sent
  said: unknown;
}

/** Whether a request can be sent: JSON as it stands, for keys may repeat in it; or YAML, as JSON then. */
export async function sendable(text: string, read: (text: string) => Promise<Document>): Promise<Checked> {
  const nothing = { fine: false, body: "", said: null };
  if (!text.trim()) return { ...nothing, wrong: "" };
  let said: unknown;
  let body = text;
  try {
    said = JSON.parse(text);
  } catch (error) {
    const found = await read(text);
    if (found.wrong) return { ...nothing, wrong: text.trimStart().startsWith("{") ? `is not JSON: ${(error as Error).message}` : found.wrong };
    said = found.value;
    body = JSON.stringify(said);
  }
  const fine = typeof said === "object" && said !== null && "vcluster" in said;
  return fine ? { fine, wrong: "", body, said: repeats(text, said) ? null : said } : { ...nothing, wrong: 'has no key "vcluster"' };
}

/** Whether a text has more than parsing kept of it: of keys that repeat, the last one alone is kept. */
function repeats(text: string, said: unknown): boolean {
  const keys = (said: string) => said.match(/"(?:instance|grouping)"\s*:/g)?.length ?? 0;
  return keys(text) > keys(JSON.stringify(said));
}

export const EXAMPLE = JSON.stringify(
  {
    vcluster: {
      name: "redundant-data",
      instances: [
        { name: "db-1", type: "server", spec: { imageRef: "demo-web", flavorRef: "tiny" } },
        { name: "db-1-vol", type: "volume", spec: { size: 10 } },
        { name: "db-2", type: "server", spec: { imageRef: "demo-web", flavorRef: "tiny" } },
        { name: "db-2-vol", type: "volume", spec: { size: 10 } },
      ],
      groupings: [
        { name: "with-1", membersRef: ["db-1", "db-1-vol"], spec: { rule: "affinity" } },
        { name: "with-2", membersRef: ["db-2", "db-2-vol"], spec: { rule: "affinity" } },
        { name: "apart", membersRef: ["db-1", "db-2"], spec: { rule: "anti-affinity" } },
      ],
    },
  },
  null,
  2,
);

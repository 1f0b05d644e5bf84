// A server by its own interface: which of its parts can be set, and what each can be told to do.
import { yaml } from "./spec";

export const ROOTS = ["system", "services", "applications"]; // each lists its parts
export const TAGGED = ["system/network", "system/storage", "system/update"]; // a change to these is refused where somebody else was faster
const ELSEWHERE = ["system/provider", "system/resources"]; // told by registering, or not at all

export interface Order {
  path: string; // behind 1.0/
  label: string;
  step: string;
  takes?: string; // what it is told with, as an example
  loses?: string;
}

const STORAGE: Order[] = [
  { path: "system/storage/:scrub-pool", label: "Read all of a pool", step: "all of the pool is read, and what is wrong told", takes: "name: local\n" },
  { path: "system/storage/:create-volume", label: "Make a volume", step: "the pool has one volume more", takes: "pool: local\nname: data\nuse: incus\n" },
  { path: "system/storage/:delete-volume", label: "Destroy a volume", step: "the volume goes", takes: "pool: local\nname: data\n", loses: "what is on the volume" },
  { path: "system/storage/:delete-pool", label: "Destroy a pool", step: "the pool goes", takes: "name: local\n", loses: "what is on the pool" },
  { path: "system/storage/:wipe-drive", label: "Wipe a drive", step: "the drive forgets what it was", takes: "id: /dev/disk/by-id/\n", loses: "what is on the drive" },
];
const PLAIN: Record<string, Order[]> = {
  "system/update": [{ path: "system/update/:check", label: "Install what is newer", step: "what is newer is installed now; a reboot waits until it is asked for" }],
  "system/network": [
    { path: "system/network/:confirm", label: "Keep the new network", step: "the network stays as it is set" },
    { path: "system/network/:flush-dns", label: "Forget resolved names", step: "names are resolved anew" },
  ],
  "system/storage": STORAGE,
};

/** Return what a server can be told to do about a part of it. */
export function ordersOf(part: string): Order[] {
  const [kind, name] = part.split("/");
  if (kind === "services" && name) return [{ path: `${part}/:reset`, label: "Begin anew", step: `what hangs of ${name} is ended, and it begins anew` }];
  if (kind === "applications" && name)
    return [
      { path: `${part}/:restart`, label: "Restart", step: `the daemons of ${name} restart` },
      { path: `${part}/:remove`, label: "Remove", step: `${name} is removed; its data stays`, loses: `that ${name} serves here` },
    ];
  return PLAIN[part] ?? [];
}

/** Whether a part can be set by what it tells: it has a config, and nobody else says it. */
export const settable = (part: string, said: unknown): boolean => !ELSEWHERE.includes(part) && typeof said === "object" && said !== null && "config" in said;

/** Return something as people write it; nothing as nothing. */
export const shownOf = (said: unknown): string => (said === null || said === undefined || (typeof said === "object" && !Object.keys(said).length) ? "" : typeof said === "string" ? said : yaml(said));

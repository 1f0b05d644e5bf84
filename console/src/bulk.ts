// A change to all servers of a cluster: what there is to be asked for, and how it went on each.
import type { Tone } from "./words";

export interface Turn {
  name: string;
  status: string;
  before: unknown;
  after: unknown;
  error: string;
  seconds: number | null;
}

export interface Bulk {
  uuid: string | null;
  cluster: string;
  action: string;
  arguments: Record<string, unknown>;
  policy: string;
  parallel: number;
  status: string;
  user: string;
  created_at: string;
  ended_at: string;
  servers: Turn[];
}

interface Action {
  name: string;
  about: string;
  example: string; // its arguments
}

const config = (example: string) => `config:\n  ${example}\n`;
const both = (what: string, about: string, example: string): Action[] => ["add", "remove"].map((verb) => ({ name: `${verb}_${what}`, about, example }));

export const ACTIONS: Action[] = [
  ...both("network_interface_vlan_tags", "interface_name of an interface or a bond, vlan_tags", "interface_name: mgmt\nvlan_tags: [100]\n"),
  ...both("iscsi_storage_target", "target, address, port", "target: iqn.2026-01.org.example:disks\naddress: 10.9.0.1\nport: 3260\n"),
  ...both("nvme_storage_target", "transport, address, port; maybe nqn, host_address", "transport: tcp\naddress: 10.9.0.1\nport: 4420\n"),
  ...both("multipath_storage_target", "wwn", 'wwn: ""\n'),
  ...both("application", "name of the application", "name: debug\n"),
  { name: "update_system_kernel", about: "config: all of it; what is left out is reset", example: config("memory: {persistent_hugepages: 8}") },
  { name: "update_system_logging", about: "config: all of it; what is left out is reset", example: config("syslog: {}") },
  { name: "update_system_update", about: "config: all of it but the channel", example: config("auto_reboot: false") },
  { name: "update_system_provider", about: "config: all of it; what is left out is reset", example: config("name: debian") },
  { name: "update_system_dns", about: "config; hostnames stay", example: config("nameservers: [10.0.0.53]") },
  { name: "update_system_time", about: "config; hostnames stay", example: config("timezone: UTC") },
  { name: "set_service", about: "service, and config: all of it", example: "service: nvme\nconfig:\n  enabled: true\n" },
];

const TONES: Record<string, Tone> = { waiting: "idle", running: "busy", changed: "good", unchanged: "good", failed: "bad", reverting: "busy", reverted: "warn", revert_failed: "bad", skipped: "idle", done: "good" };
export const turnTone = (status: string): Tone => TONES[status] ?? "busy";

const SAID: Record<string, string> = { changed: "would be changed", unchanged: "is so already", failed: "cannot be so", skipped: "would be told nothing" };

/** Return how a server's turn is told: as it went, or as it would go. */
export const turnSaid = (one: Turn, dry: boolean): string => (dry ? (SAID[one.status] ?? one.status) : one.status.replaceAll("_", " "));

const ENDED = ["done", "failed", "reverted"];
export const isUnderWay = (one: Bulk): boolean => !!one.uuid && !ENDED.includes(one.status);

/** Return what is wrong with numbers of the form, by field. */
export function bulkFaults(parallel: string, confirmation: string): Record<string, string> {
  const found: Record<string, string> = {};
  const whole = (said: string, high: number) => /^\d+$/.test(said) && Number(said) >= 1 && Number(said) <= high;
  if (parallel && !whole(parallel, 64)) found.parallel = "must be a number from 1 to 64";
  if (confirmation && !whole(confirmation, 3600)) found.confirmation = "must be seconds, from 1 to 3600";
  return found;
}

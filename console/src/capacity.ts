// Hosts of clouds: what is free there, and what runs there.
import type { Flavor, Instance } from "./types";

export interface Host {
  name: string;
  zone: string | null;
  open: boolean;
  free_vcpus: number | null; // null: as much as one likes
  free_memory_mib: number | null;
  free_disk_gib: Record<string, number | null>;
}

export interface CloudRoom {
  name: string;
  reason: string | null;
  hosts: Host[];
}

export interface Filling {
  label: string;
  used: number; // by instances that are seen here
  free: number | null;
  unit: string;
}

const GIB = 1024;

/** Return how full a host is: of its processors and its memory, by what Muster has put there. */
export function fillings(host: Host, instances: Instance[], flavors: Map<string, Flavor>): Filling[] {
  const here = instances.filter((one) => one.host === host.name);
  const sum = (of: (flavor: Flavor) => number) => here.reduce((total, one) => total + (flavors.has(one.flavor) ? of(flavors.get(one.flavor) as Flavor) : 0), 0);
  const rounded = (value: number) => Math.round(value * 10) / 10;
  return [
    { label: "vCPU", used: rounded(sum((flavor) => flavor.vcpus)), free: host.free_vcpus, unit: "" },
    { label: "memory", used: rounded(sum((flavor) => flavor.memory_mib) / GIB), free: host.free_memory_mib === null ? null : rounded(host.free_memory_mib / GIB), unit: " GiB" },
  ];
}

export const said = (one: Filling): string => (one.free === null ? `${one.used}${one.unit} ${one.label} used here, and no limit` : `${one.free}${one.unit} ${one.label} free, ${one.used}${one.unit} used here`);

/** Return the share that is used of what is free and used here; null where there is no limit. */
export function share(one: Filling): number | null {
  if (one.free === null) return null;
  const whole = one.free + one.used;
  return whole > 0 ? one.used / whole : 1;
}

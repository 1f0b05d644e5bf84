// From a cluster's name to its instances on their hosts, as a picture.
import { wellness } from "./health";
import type { Details, Instance } from "./types";
import type { Tone } from "./words";

export interface Seat {
  name: string;
  tone: Tone;
  about: string;
}

export interface House {
  name: string;
  seats: Seat[];
}

export interface Zone {
  name: string;
  hosts: House[];
}

export interface Topology {
  name: string; // under which it is asked for; "" where it has none
  balancer: string;
  zones: Zone[];
}

const byName = (a: { name: string }, b: { name: string }) => Number(!a.name) - Number(!b.name) || a.name.localeCompare(b.name, undefined, { numeric: true });

const seat = (one: Instance): Seat => ({ name: one.name.split("-").at(-1) ?? one.name, tone: wellness(one), about: `${one.name}: ${one.address ?? "no address yet"}, ${one.image}` });

/** Return what a cluster consists of, from its name to its instances in their zones; who is nowhere comes last. */
export function topology(whole: Details): Topology {
  const zones = new Map<string, Map<string, Seat[]>>();
  for (const one of whole.instances) {
    const hosts = zones.get(one.zone ?? "") ?? new Map<string, Seat[]>();
    hosts.set(one.host ?? "", [...(hosts.get(one.host ?? "") ?? []), seat(one)]);
    zones.set(one.zone ?? "", hosts);
  }
  const shown = [...zones].map(([name, hosts]) => ({ name, hosts: [...hosts].map(([host, seats]) => ({ name: host, seats })).sort(byName) }));
  return { name: whole.load_balancer_domain ?? "", balancer: whole.load_balancer_address ?? "", zones: shown.sort(byName) };
}

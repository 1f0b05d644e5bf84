// What would better stand elsewhere on a cloud, and having it move there, one after another.
import { ask, get } from "./api";
import type { Tell } from "./errands.svelte";
import type { VCluster } from "./placing";
import type { Action } from "./types";

export interface Transfer {
  node_id: string;
  name: string;
  cluster_id: string | null;
  vcluster_id: string | null;
  instances: string[]; // of a virtual cluster, which move together
  cluster: string;
  source: string;
  target: string;
  benefit: number;
  disruption: number;
  reason: string;
}

export interface Proposal {
  cloud: string;
  transfers: Transfer[];
  benefit: number;
  disruption: number;
  before: number;
  after: number;
  unsolved: string[];
  complete: boolean;
}

const PAUSE_MS = 500;
const LONGEST_MS = 600_000; // of one move

export const step = (one: Transfer): string => `${one.name} moves from ${one.source} to ${one.target}: ${one.reason}`;

/** Return what a proposal comes to, in a sentence. */
export const worth = (one: Proposal): string => `${round(one.benefit)} gained for ${round(one.disruption)} of disruption: from ${round(one.before)} to ${round(one.after)}, 0 is best`;
const round = (points: number) => String(Math.round(points * 100) / 100);

/** Have all of them move, each once the one before it is there; the first that cannot ends it. */
export async function carryOut(transfers: Transfer[], project: string, tell: Tell): Promise<void> {
  for (const [at, one] of transfers.entries()) {
    tell(at, `${one.name}: ${one.source} → ${one.target}`);
    try {
      await (one.vcluster_id ? together(one, one.vcluster_id, project) : alone(one));
    } catch (error) {
      throw new Error(`${one.name}: ${(error as Error).message}${at ? `; ${at} moved before` : ""}`);
    }
    tell(at + 1, "");
  }
}

async function alone(one: Transfer): Promise<void> {
  const { action } = await ask<{ action: string }>("POST", `/v1/nodes/${one.node_id}/ops`, { evacuate: { host: one.target } });
  const ended = await seen(async () => {
    const found = (await get<{ action: Action }>(`/v1/actions/${action}`)).action;
    return ["SUCCEEDED", "FAILED", "CANCELLED"].includes(found.status) ? found : null;
  });
  if (ended.status !== "SUCCEEDED") throw new Error(ended.status_reason || ended.status);
}

/** Move what is bound together, as an update of its virtual cluster; one that was taken back has not moved. */
async function together(one: Transfer, id: string, project: string): Promise<void> {
  const path = `/v2/${encodeURIComponent(project)}/vclusters/${id}`;
  await ask("PATCH", path, { vcluster: { move_instances: one.instances, to_host: one.target } });
  const ended = await seen(async () => {
    const found = (await get<{ vcluster: VCluster }>(path)).vcluster;
    return ["UPDATING", "BUILDING"].includes(found.status) ? null : found;
  });
  const arrived = ended.instances.filter((each) => one.instances.includes(each.name)).every((each) => each.host === one.target);
  if (!arrived) throw new Error(ended.status_reason || ended.status);
}

async function seen<T>(look: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + LONGEST_MS;
  while (Date.now() < end) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
  throw new Error("it is not over yet; it goes on without being followed here");
}

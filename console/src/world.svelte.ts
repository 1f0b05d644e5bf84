// What there is, as last heard: read once, then kept by what the one event stream tells.
import { get, Refused, whenSignedOut } from "./api";
import { isSettled, routeOf } from "./health";
import { Line } from "./line";
import { told, fromActions, type Operation } from "./operations";
import type { Action, ClusterLine, Details, Happening, Instance, Session } from "./types";

const MANY = 12; // so many clusters changed at once: the lists are read instead of each
const KEPT = 300; // events
const AGAIN_MS = 1000;

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, undefined, { numeric: true });

class World {
  session = $state.raw<Session | null>(null);
  clusters = $state.raw<ClusterLine[]>([]);
  instances = $state.raw<Instance[]>([]);
  details = $state.raw<Record<string, Details>>({});
  happenings = $state.raw<Happening[]>([]); // newest first
  operations = $state.raw<Operation[]>([]); // newest first
  line = $state<"connecting" | "live" | "lost">("connecting");
  loaded = $state(false);
  trouble = $state("");
  #listeners = new Set<(one: Happening) => void>();
  #dirty = new Set<string>();
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #watched = "";
  #again: ReturnType<typeof setTimeout> | undefined;
  #stream = new Line<Happening>({
    heard: (one) => this.#heard(one),
    changed: (state) => {
      this.line = state;
      if (state === "lost") void this.#stillKnown();
    },
    resumed: () => void this.load(),
    quiet: () => this.#watched && this.#touch(this.#watched),
  });

  may(right: string): boolean {
    return this.session?.rights?.includes(right) ?? false;
  }

  async begin() {
    whenSignedOut(() => void this.#signedOut());
    try {
      this.session = await get<Session>("/v1/session");
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
      setTimeout(() => void this.begin(), 2000);
      return;
    }
    if (this.session.signed_in) this.#stream.open();
  }

  async #signedOut() {
    this.#stream.close();
    this.loaded = false;
    this.session = await get<Session>("/v1/session");
  }

  /** A line is refused also to whoever is not signed in any more. */
  async #stillKnown() {
    const session = await get<Session>("/v1/session").catch(() => null);
    if (session && !session.signed_in) await this.#signedOut();
  }

  /** Have the details of one cluster kept fresh while somebody looks at it. */
  watch(id: string) {
    this.#watched = id;
    this.#touch(id);
    return () => {
      if (this.#watched === id) this.#watched = "";
    };
  }

  listen(to: (one: Happening) => void) {
    this.#listeners.add(to);
    return () => void this.#listeners.delete(to);
  }

  /** Read everything anew: at the beginning, and after the line was lost. */
  async load() {
    await this.#read();
    for (const id of this.#toLookAt()) this.#touch(id);
  }

  async #read() {
    try {
      const [clusters, instances, events, actions] = await Promise.all([
        get<{ clusters: ClusterLine[] }>("/v1/clusters"),
        get<{ instances: Instance[] }>("/v1/instances"),
        get<{ events: Happening[] }>("/v1/events?every=true&sort=seq:desc&limit=100"),
        get<{ actions: Action[] }>("/v1/actions?sort=created_at:desc&limit=200"),
      ]);
      this.clusters = clusters.clusters.sort(byName);
      this.instances = instances.instances.sort(byName);
      this.happenings = events.events;
      const names = new Map<string, string>(events.events.map((each) => [each.oid, each.oname]));
      for (const one of [...this.instances, ...this.clusters]) names.set(one.id, one.name);
      this.operations = fromActions(actions.actions, names);
      this.loaded = true;
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** Who is watched, and who is not in order: never so many that everything would be read anew for them. */
  #toLookAt(): string[] {
    const plain = ["CREATE_COMPLETE", "UPDATE_COMPLETE"];
    const odd = this.clusters.filter((one) => one.status !== "ACTIVE" || !plain.includes(one.stack_status));
    const ids = new Set([this.#watched, ...odd.map((one) => one.id)].filter(Boolean));
    return [...ids].slice(0, MANY);
  }

  #heard(one: Happening) {
    if (this.happenings.some((each) => each.seq === one.seq)) return;
    this.happenings = [one, ...this.happenings].slice(0, KEPT);
    this.operations = told(this.operations, one);
    if (one.cluster_id) this.#touch(one.cluster_id);
    for (const listener of this.#listeners) listener(one);
  }

  #touch(id: string) {
    this.#dirty.add(id);
    this.#flushing ??= setTimeout(() => void this.#flush(), 120);
  }

  async #flush() {
    let ids = [...this.#dirty];
    this.#dirty.clear();
    try {
      if (ids.length > MANY) {
        await this.#read();
        ids = this.#toLookAt();
      }
      await Promise.all(ids.map((id) => this.#refresh(id)));
    } finally {
      this.#flushing = this.#dirty.size ? setTimeout(() => void this.#flush(), 120) : undefined;
    }
  }

  async #refresh(id: string) {
    try {
      const known = this.clusters.find((one) => one.id === id);
      const line = known ?? (await get<{ cluster: ClusterLine }>(`/v1/clusters/${id}`)).cluster;
      this.#put(await get<Details>(routeOf(line)));
    } catch (error) {
      if (error instanceof Refused && error.status === 404) this.#drop(id);
      else this.trouble = (error as Error).message;
    }
  }

  #put(whole: Details) {
    whole.instances.sort(byName);
    this.clusters = [...this.clusters.filter((one) => one.id !== whole.id), whole].sort(byName);
    const others = this.instances.filter((one) => one.cluster_id !== whole.id);
    this.instances = [...others, ...whole.instances].sort(byName);
    this.details = { ...this.details, [whole.id]: whole };
    this.#lookAgain(whole);
  }

  /**
   * Probes come in without an event of their own. So a cluster that somebody looks at, and whose
   * members are not all known to be well yet, is looked at again until they are.
   */
  #lookAgain(whole: Details) {
    clearTimeout(this.#again);
    if (this.#watched !== whole.id || isSettled(whole)) return;
    this.#again = setTimeout(() => this.#watched === whole.id && this.#touch(whole.id), AGAIN_MS);
  }

  #drop(id: string) {
    this.clusters = this.clusters.filter((one) => one.id !== id);
    this.instances = this.instances.filter((one) => one.cluster_id !== id);
    const { [id]: _, ...others } = this.details;
    this.details = others;
  }
}

export const world = new World();

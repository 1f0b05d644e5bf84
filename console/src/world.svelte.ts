// What there is, as last heard: read once, then kept by what the one event stream tells.
import { get, Refused, whenSignedOut } from "./api";
import { byCluster, isSettled, routeOf } from "./health";
import { Line } from "./line";
import type { ServerCluster } from "./metal";
import { ended, told, fromJobs, fromPast, type Operation } from "./operations";
import { notices } from "./notices.svelte";
import { next, toLookAt } from "./upkeep";
import type { Action, ClusterLine, Details, Happening, Instance, Session } from "./types";

const KEPT = 300; // events
const WHOLE = 100; // clusters with all their details
const AGAIN_MS = 1000;
const TOLD_MS = 100; // events come in flocks: they are shown together,
const FLOCK = 10; // large flocks
const FLOCK_MS = 250; // less often
const TURN_MS = 60;
const JOBS_MS = 10_000;
const JOBS_BUSY_MS = 2000;
const REST_MS = 250;

const { compare } = new Intl.Collator(undefined, { numeric: true });
const byName = (a: { name: string }, b: { name: string }) => compare(a.name, b.name);

interface Past {
  events: Happening[]; // newest first
  actions: Action[];
}

async function readHistory(): Promise<Past> {
  const [{ events }, { actions }] = await Promise.all([
    get<{ events: Happening[] }>("/v1/events?every=true&sort=seq:desc&limit=100"),
    get<{ actions: Action[] }>("/v1/actions?sort=created_at:desc&limit=200"),
  ]);
  return { events, actions };
}

class World {
  session = $state.raw<Session | null>(null);
  clusters = $state.raw<ClusterLine[]>([]);
  members = $state.raw(new Map<string, Instance[]>()); // by cluster; "" has those of none
  instances = $derived.by(() => {
    const known = this.clusters.map((one) => one.id);
    const others = [...this.members.keys()].filter((id) => !this.#ids.has(id));
    return [...known, ...others].flatMap((id) => this.members.get(id) ?? []);
  });
  details = $state.raw<Record<string, Details>>({});
  happenings = $state.raw<Happening[]>([]); // newest first
  operations = $state.raw<Operation[]>([]); // newest first
  jobs = $state.raw<Operation[]>([]); // the last one of each cluster of servers
  #jobsRead = false;
  #following: ReturnType<typeof setTimeout> | undefined;
  line = $state<"connecting" | "live" | "lost">("connecting");
  loaded = $state(false);
  peopled = $state(false); // the instances are read too, which takes longer
  trouble = $state("");
  #listeners = new Set<(one: Happening) => void>();
  #ids = $derived(new Set(this.clusters.map((one) => one.id)));
  #news: Happening[] = [];
  #patience = TOLD_MS;
  #telling: ReturnType<typeof setTimeout> | undefined;
  #dirty = new Set<string>();
  #turning: ReturnType<typeof setTimeout> | undefined;
  #queue = Promise.resolve();
  #newer = new Set<string>(); // read by themselves since everything was asked for
  #some = -Infinity;
  #all = { at: -Infinity, took: 0 };
  #watched = "";
  #shown = new Set<string>();
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
    void this.#followJobs();
  }

  /** Look at what is done at servers now: something was just asked for. */
  lookAtJobs = () => void this.#followJobs();

  /** Nothing tells what is done at servers: it is asked for again and again, more often while something is. */
  async #followJobs() {
    if (this.session?.signed_in && this.may("operate") && (!document.hidden || notices.on)) await this.#readJobs();
    const busy = this.jobs.some((each) => each.state === "running");
    clearTimeout(this.#following);
    this.#following = setTimeout(() => void this.#followJobs(), busy ? JOBS_BUSY_MS : JOBS_MS);
  }

  async #readJobs() {
    const before = this.jobs;
    try {
      this.jobs = fromJobs((await get<{ metadata: ServerCluster[] }>("/1.0/provisioning/clusters?recursion=1")).metadata);
    } catch {
      return; // the line tells that the service is away
    }
    if (this.#jobsRead) notices.tell(ended(before, this.jobs));
    this.#jobsRead = true;
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

  /** Have these clusters read first when they change, as they are on the screen; until what is returned is called. */
  show(ids: string[]) {
    const shown = (this.#shown = new Set(ids));
    return () => {
      if (this.#shown === shown) this.#shown = new Set();
    };
  }

  /** Read everything anew: at the beginning, and after the line was lost. */
  load = () => this.#inTurn(true);

  #inTurn(history: boolean) {
    return (this.#queue = this.#queue.then(() => this.#readAll(history)));
  }

  async #readAll(history: boolean) {
    const began = performance.now();
    this.#all = { ...this.#all, at: Infinity };
    this.#dirty.clear();
    this.#newer.clear();
    try {
      const [{ clusters }, past] = await Promise.all([get<{ clusters: ClusterLine[] }>("/v1/clusters"), history ? readHistory() : null]);
      const newer = new Map(this.clusters.filter((one) => this.#newer.has(one.id)).map((one) => [one.id, one]));
      this.clusters = clusters.map((one) => newer.get(one.id) ?? one).sort(byName);
      if (past) this.happenings = [...this.#since(past), ...past.events];
      this.loaded = true;
      const { instances } = await get<{ instances: Instance[] }>("/v1/instances");
      const others = [...this.members].filter(([id]) => this.#newer.has(id));
      this.members = new Map([...byCluster(instances.sort(byName)), ...others]);
      this.peopled = true;
      if (past) this.operations = this.#since(past).toReversed().reduce(told, fromPast(past.actions, past.events, this.#names(past)));
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
    }
    this.#all = { at: performance.now(), took: performance.now() - began };
    for (const id of toLookAt(this.#seen(), this.#odd())) this.#touch(id);
  }

  /** What was heard while the past was read. */
  #since(past: Past): Happening[] {
    const last = past.events[0]?.seq ?? 0;
    return this.happenings.filter((one) => one.seq > last);
  }

  #names(past: Past): Map<string, string> {
    const named = [...this.instances, ...this.clusters].map((one) => [one.id, one.name] as const);
    return new Map([...past.events.map((one) => [one.oid, one.oname] as const), ...named]);
  }

  #seen = () => new Set([this.#watched, ...this.#shown].filter(Boolean));

  #odd(): string[] {
    const plain = ["CREATE_COMPLETE", "UPDATE_COMPLETE"];
    return this.clusters.filter((one) => one.status !== "ACTIVE" || !plain.includes(one.stack_status)).map((one) => one.id);
  }

  #heard(one: Happening) {
    this.#news.push(one);
    this.#telling ??= setTimeout(() => this.#tell(), this.#patience);
  }

  #tell() {
    this.#telling = undefined;
    this.#patience = this.#news.length > FLOCK ? FLOCK_MS : TOLD_MS;
    const known = new Set(this.happenings.map((each) => each.seq));
    const news = this.#news.filter((one) => !known.has(one.seq));
    this.#news = [];
    this.happenings = [...news.toReversed(), ...this.happenings].slice(0, KEPT);
    const before = this.operations;
    this.operations = news.reduce(told, before);
    notices.tell(ended(before, this.operations));
    for (const one of news) {
      if (one.cluster_id) this.#touch(one.cluster_id);
      for (const listener of this.#listeners) listener(one);
    }
  }

  #touch(id: string) {
    this.#dirty.add(id);
    this.#turning ??= setTimeout(() => void this.#turn(), TURN_MS);
  }

  async #turn() {
    const now = performance.now();
    const seen = this.#seen();
    const hidden = globalThis.document?.hidden ?? false;
    const found = next({ dirty: this.#dirty, seen, hidden, now, some: this.#some, all: this.#all });
    try {
      if (found === "all") void this.#inTurn(false); // whoever is on the screen does not wait for it
      else if (found.length) await this.#refresh(found);
      if (found !== "all" && !found.some((id) => seen.has(id)) && found.length) this.#some = now;
    } finally {
      const rest = Math.max(REST_MS, performance.now() - now); // who answers slowly is asked less
      this.#turning = this.#dirty.size ? setTimeout(() => void this.#turn(), rest) : undefined;
    }
  }

  async #refresh(ids: string[]) {
    for (const id of ids) this.#dirty.delete(id);
    const found = await Promise.all(ids.map((id) => this.#wholeOf(id)));
    this.#put(found.filter((one) => one !== null));
  }

  async #wholeOf(id: string): Promise<Details | null> {
    try {
      const known = this.clusters.find((one) => one.id === id);
      const line = known ?? (await get<{ cluster: ClusterLine }>(`/v1/clusters/${id}`)).cluster;
      return await get<Details>(routeOf(line));
    } catch (error) {
      if (error instanceof Refused && error.status === 404) this.#drop(id);
      else this.trouble = (error as Error).message;
      return null;
    }
  }

  #put(wholes: Details[]) {
    const found = new Map(wholes.map((one) => [one.id, one]));
    if (!found.size) return;
    const others = wholes.filter((one) => !this.#ids.has(one.id));
    const lines = this.clusters.map((one) => found.get(one.id) ?? one);
    this.clusters = others.length ? [...lines, ...others].sort(byName) : lines;
    this.members = new Map([...this.members, ...wholes.map((one) => [one.id, one.instances.sort(byName)] as const)]);
    const { [this.#watched]: watched, ...kept } = this.details;
    const newest = [...Object.entries(kept).filter(([id]) => !found.has(id)), ...found].slice(-WHOLE);
    this.details = Object.fromEntries(watched && !found.has(this.#watched) ? [[this.#watched, watched], ...newest] : newest);
    for (const one of wholes) {
      this.#newer.add(one.id);
      this.#lookAgain(one);
    }
  }

  /**
   * Probes come in without an event of their own. So a cluster that somebody looks at, and whose
   * members are not all known to be well yet, is looked at again until they are.
   */
  #lookAgain(whole: Details) {
    if (this.#watched !== whole.id) return;
    clearTimeout(this.#again);
    if (isSettled(whole)) return;
    this.#again = setTimeout(() => this.#watched === whole.id && this.#touch(whole.id), AGAIN_MS);
  }

  #drop(id: string) {
    this.clusters = this.clusters.filter((one) => one.id !== id);
    this.members = new Map([...this.members].filter(([of]) => of !== id));
    const { [id]: _, ...others } = this.details;
    this.details = others;
  }
}

export const world = new World();

// What this console itself carries out step by step, or waits for: followed in the bell like what the service tells.
import { Refused } from "./api";
import type { Operation } from "./operations";
import { notices } from "./notices.svelte";

export type Errand = Pick<Operation, "id" | "title" | "target"> & { href: string; total?: number };
export type Tell = (done: number, reason: string) => void;

class Errands {
  all = $state.raw<Operation[]>([]); // newest first

  get running(): boolean {
    return this.all.some((one) => one.state === "running");
  }

  /** Follow `work` until it ends; it tells how far it is, and what it fails with is the reason. */
  async follow(errand: Errand, work: (tell: Tell) => Promise<unknown>): Promise<void> {
    const begun: Operation = { ...errand, state: "running", reason: "", at: new Date().toISOString(), done: errand.total ? 0 : null, total: errand.total ?? null };
    this.all = [begun, ...this.all.filter((one) => one.id !== errand.id)];
    try {
      await work((done, reason) => this.#put(errand.id, { done, reason }));
      this.#put(errand.id, { state: "done", reason: "", at: new Date().toISOString() });
    } catch (error) {
      if (error instanceof Refused && error.status < 500) return this.#forget(errand.id); // it has not begun, and its form says why
      this.#put(errand.id, { state: "failed", reason: (error as Error).message, at: new Date().toISOString() });
    }
    notices.tell(this.all.filter((one) => one.id === errand.id));
  }

  #forget(id: string) {
    this.all = this.all.filter((one) => one.id !== id);
  }

  #put(id: string, but: Partial<Operation>) {
    this.all = this.all.map((one) => (one.id === id ? { ...one, ...but } : one));
  }
}

export const errands = new Errands();

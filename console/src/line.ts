// The one line on which Muster tells what happens: resumed where it broke, and known to be broken.

export interface Hears<T> {
  heard(one: T): void;
  changed(state: "connecting" | "live" | "lost"): void;
  resumed(): void; // opened, for the first time or again
  quiet(): void; // nothing has happened for a while, and the line holds
}

const SILENCE_MS = 40_000; // longer than the server's heartbeat: then the line is dead
const LONGEST_MS = 10_000;

/** Return how long to wait before the given try: 0.5 s, then twice as long each time. */
export const patience = (tries: number) => Math.min(LONGEST_MS, 500 * 2 ** tries);

export class Line<T extends { seq: number; kind: string }> {
  #socket: WebSocket | undefined;
  #tries = 0;
  #after = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;

  constructor(readonly hears: Hears<T>) {
    if (typeof addEventListener === "function") addEventListener("online", () => this.#wanted && this.#dial());
  }

  open() {
    this.#wanted = true;
    this.#dial();
  }

  close() {
    this.#wanted = false;
    this.#hangUp();
  }

  #dial() {
    this.#hangUp();
    const query = this.#after ? `?after=${this.#after}` : "";
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/events/stream${query}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#tries = 0;
      this.hears.changed("live");
      this.hears.resumed();
      this.#holds();
    };
    socket.onmessage = ({ data }) => this.#said(JSON.parse(data as string) as T);
    socket.onclose = () => this.#lost();
  }

  #said(one: T) {
    this.#holds();
    if (one.kind === "heartbeat") return this.hears.quiet();
    this.#after = Math.max(this.#after, one.seq);
    this.hears.heard(one);
  }

  #holds() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(), SILENCE_MS);
  }

  #lost() {
    if (!this.#wanted) return;
    this.hears.changed("lost");
    this.#again = setTimeout(() => this.#dial(), patience(this.#tries++));
  }

  #hangUp() {
    clearTimeout(this.#again);
    clearTimeout(this.#silence);
    if (!this.#socket) return;
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = undefined;
  }
}

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Line, patience } from "../src/line";

class FakeSocket {
  static made: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }
  close() {
    this.onclose?.();
  }
}

const newest = () => FakeSocket.made.at(-1)!;
const say = (one: object) => newest().onmessage?.({ data: JSON.stringify(one) });

function opened() {
  const heard: number[] = [];
  const states: string[] = [];
  let resumed = 0;
  let quiet = 0;
  const line = new Line<{ seq: number; kind: string }>({
    heard: (one) => heard.push(one.seq),
    changed: (state) => states.push(state),
    resumed: () => (resumed += 1),
    quiet: () => (quiet += 1),
  });
  line.open();
  newest().onopen?.();
  return { line, heard, states, resumed: () => resumed, quiet: () => quiet };
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("location", { protocol: "https:", host: "muster.example" });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("it asks the host that served the page, and tells what it hears", () => {
  const { heard, states } = opened();
  expect(newest().url).toBe("wss://muster.example/v1/events/stream");
  say({ seq: 7, kind: "x" });
  expect([heard, states]).toEqual([[7], ["live"]]);
});

test("a broken line is taken up behind the last event heard", () => {
  const { states, resumed } = opened();
  say({ seq: 7, kind: "x" });
  newest().close();
  expect(states).toEqual(["live", "lost"]);
  vi.advanceTimersByTime(600);
  expect(newest().url).toContain("?after=7");
  newest().onopen?.();
  expect([states.at(-1), resumed()]).toEqual(["live", 2]);
});

test("a line that is silent for too long counts as broken; heartbeats keep it", () => {
  const { states, quiet } = opened();
  vi.advanceTimersByTime(30_000);
  say({ kind: "heartbeat" });
  vi.advanceTimersByTime(30_000);
  expect([states, quiet()]).toEqual([["live"], 1]);
  vi.advanceTimersByTime(11_000);
  expect(states.at(-1)).toBe("lost");
});

test("a line that was closed on purpose stays closed", () => {
  const { line, states } = opened();
  line.close();
  vi.advanceTimersByTime(60_000);
  expect([FakeSocket.made.length, states]).toEqual([1, ["live"]]);
});

test("tries come further and further apart, up to a limit", () => expect([0, 1, 2, 10].map(patience)).toEqual([500, 1000, 2000, 10_000]));

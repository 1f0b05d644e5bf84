import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cluster, details } from "./made";

const asked: string[] = [];
const times = (path: string) => asked.filter((each) => each === path).length;
let ids: string[] = [];

/** Answer as a Muster does whose clusters are all not in order. */
async function answer(path: string) {
  asked.push(path);
  const [of = "", , id] = path.slice("/v1/".length).split(/[/?]/);
  const ill = (id: string) => cluster({ id, status: "ERROR" });
  const said: Record<string, unknown> = { clusters: ids.map(ill), instances: [], events: [], actions: [] };
  const text = JSON.stringify(id ? { ...details(), ...ill(id) } : { [of]: said[of] });
  // A real answer is read by the machine's own clock, beside which the one of these tests may run out.
  return { ok: true, status: 200, headers: new Headers(), text: async () => text };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  vi.stubGlobal("fetch", answer);
  asked.length = 0;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function among(count: number) {
  ids = Array.from({ length: count }, (_, n) => `c${n}`);
  return (await import("../src/world.svelte")).world;
}

test.each([3, 13, 40])("of %i clusters that are not in order the lists are read once, and the first looked at once", async (count) => {
  const world = await among(count);
  world.watch(`c${count - 1}`);
  await world.load();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([times("/v1/clusters"), times("/v1/clusters/web/c1")]).toEqual([1, 1]);
  expect(world.details[`c${count - 1}`]?.status).toBe("ERROR");
});

test("when many change at once everything is read once more, and whoever is watched at once and then again", async () => {
  const world = await among(40);
  await world.load();
  await vi.advanceTimersByTimeAsync(1_000);
  for (const id of ids) world.watch(id);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(["/v1/clusters", "/v1/clusters/web/c1", "/v1/clusters/web/c39"].map(times)).toEqual([2, 2, 2]);
});

test("whoever is on the screen does not wait until everything is read", async () => {
  const world = await among(40);
  await world.load();
  await vi.advanceTimersByTimeAsync(6_000);
  vi.stubGlobal("fetch", (path: string) => (path === "/v1/instances" ? new Promise(() => {}) : answer(path)));
  for (const id of ids) world.watch(id);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(times("/v1/clusters")).toBe(2); // and its instances never come
  const before = times("/v1/clusters/web/c5");
  world.watch("c5");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(times("/v1/clusters/web/c5")).toBe(before + 1);
});

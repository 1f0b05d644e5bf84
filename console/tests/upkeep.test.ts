import { expect, test } from "vitest";
import { next, toLookAt, type Standing } from "../src/upkeep";

const ids = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);
const at = (now: number, more: Partial<Standing> = {}): Standing => ({ dirty: new Set(), seen: new Set(), hidden: false, now, some: 0, all: { at: 0, took: 0 }, ...more });

test("who is on the screen is read at once, however many others wait", () => {
  expect(next(at(1, { dirty: new Set(ids(500)), seen: new Set(["c7", "c9", "x"]) }))).toEqual(["c7", "c9"]);
});

test("some others are read one by one, once a second", () => {
  const dirty = new Set(ids(3));
  expect(next(at(999, { dirty }))).toEqual([]);
  expect(next(at(1000, { dirty }))).toEqual(["c0", "c1", "c2"]);
});

test("many others are read by one reading of everything, which rests the longer the longer it takes", () => {
  const dirty = new Set(ids(13));
  expect(next(at(4999, { dirty }))).toEqual([]);
  expect(next(at(5000, { dirty }))).toBe("all");
  expect(next(at(9999, { dirty, all: { at: 0, took: 500 } }))).toEqual([]);
  expect(next(at(10_000, { dirty, all: { at: 0, took: 500 } }))).toBe("all");
});

test("nothing is read for a page that nobody looks at", () => {
  expect(next(at(60_000, { dirty: new Set(ids(50)), seen: new Set(ids(2)), hidden: true }))).toEqual([]);
});

test("after a reading of everything who is on the screen comes first", () => {
  expect(toLookAt(["seen"], ["seen", ...ids(40)])).toEqual(["seen", ...ids(11)]);
});

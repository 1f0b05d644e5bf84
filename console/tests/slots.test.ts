import { expect, test } from "vitest";
import { Slots } from "../src/slots";

test("who stays keeps his row, and who comes has that of who left", () => {
  const slots = new Slots();
  expect(slots.take([3, 2, 1])).toEqual([0, 1, 2]);
  expect(slots.take([4, 3, 2])).toEqual([2, 0, 1]);
});

test("there are never more rows than are shown at once, and no two have the same", () => {
  const slots = new Slots();
  for (let newest = 50; newest < 5000; newest += 37) {
    const found = slots.take(Array.from({ length: 50 }, (_, at) => newest - at));
    expect(new Set(found).size).toBe(50);
    expect(Math.max(...found)).toBe(49);
  }
});

test("a list that grows has more rows", () => {
  const slots = new Slots();
  slots.take([2, 1]);
  expect(slots.take([5, 4, 3, 2])).toEqual([1, 2, 3, 0]);
});

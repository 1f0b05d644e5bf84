import { expect, test } from "vitest";
import { inOrder, once } from "../src/order";

test("answers that come in the order of their asking are all shown", () => {
  const ask = inOrder();
  const [first, second] = [ask(), ask()];
  expect([first(), second()]).toEqual([true, true]);
});

test("what was asked before is not shown once a later answer was", () => {
  const ask = inOrder();
  const [first, second, third] = [ask(), ask(), ask()];
  expect([second(), first(), third(), second()]).toEqual([true, false, true, false]);
});

test("an asking without an answer keeps no other from being shown", () => {
  const ask = inOrder();
  const first = ask();
  ask();
  expect(first()).toBe(true);
});

test("what is done once is not done again", () => {
  let count = 0;
  const act = once(() => (count += 1));
  act();
  act();
  expect(count).toBe(1);
});

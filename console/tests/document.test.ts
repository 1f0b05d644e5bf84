import { expect, test } from "vitest";
import { documentOf } from "../src/document";

test("a document is read as YAML, and as JSON", async () => {
  expect(await documentOf("lvm:\n  enabled: true\n  tag: on\n")).toEqual({ value: { lvm: { enabled: true, tag: "on" } }, wrong: "" });
  expect(await documentOf('{"a": [1, 2]}')).toEqual({ value: { a: [1, 2] }, wrong: "" });
});

test("nothing is nothing, and not wrong", async () => expect(await documentOf("  \n")).toEqual({ value: null, wrong: "" }));

test("what is no YAML is told with its line", async () => {
  const { value, wrong } = await documentOf("a: 1\nb: [1,\n");
  expect(value).toBeNull();
  expect(wrong).toMatch(/^is not YAML: .* line \d+/);
});

test("a list is no object, and an object no list", async () => {
  expect((await documentOf("- a\n")).wrong).toMatch(/keys with values/);
  expect((await documentOf("a: 1\n", "list")).wrong).toBe("must be a list");
});

test("names that stand for each other without end are refused", async () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${[..."bcdefg"].map((name, at) => `${name}: &${name} [${Array(10).fill(`*${"abcdefg"[at]}`).join(", ")}]`).join("\n")}\n`;
  expect((await documentOf(bomb)).value).toBeNull();
});

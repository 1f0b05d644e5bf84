import { expect, test } from "vitest";
import { blamed, isField, properties, skeleton, told, valueAt, yaml, type Schema } from "../src/spec";

const SCALING: Record<string, Schema> = {
  event: { type: "String", required: true, constraints: [{ type: "AllowedValues", constraint: ["CLUSTER_SCALE_IN", "CLUSTER_SCALE_OUT"] }] },
  adjustment: { type: "Map", schema: { number: { type: "Number", default: 1 }, best_effort: { type: "Boolean", default: false } } },
  zones: { type: "List", schema: { "*": { type: "Map", schema: { name: { type: "String", required: true } } } } },
};

const at = (path: string) => {
  const found = properties(SCALING).find((one) => one.path.join(".") === path);
  if (!found) throw new Error(path);
  return found;
};

test("a specification reads as YAML, and what YAML would take for something else is quoted", () => {
  const said = { type: "os.nova.server", version: "1.0", properties: { flavor: "tiny", on: "yes", networks: [{ network: "net" }, { network: "b c" }], ports: [80, 443], none: {}, empty: [], nothing: null, user_data: "#!/bin/sh\necho hi\n" } };
  expect(yaml(said)).toBe(
    [
      "type: os.nova.server",
      'version: "1.0"',
      "properties:",
      "  flavor: tiny",
      '  "on": "yes"',
      "  networks:",
      "    - network: net",
      "    - network: b c",
      "  ports:",
      "    - 80",
      "    - 443",
      "  none: {}",
      "  empty: []",
      "  nothing: null",
      "  user_data: |",
      "    #!/bin/sh",
      "    echo hi",
      "",
    ].join("\n"),
  );
});

test.each([["a: b", '"a: b"'], ["- x", '"- x"'], ["", '""'], ["1.0", '"1.0"'], ["x # y", '"x # y"'], ["web:8080", "web:8080"], ["a:", '"a:"']])("the word %j is written %s", (word, said) => expect(yaml(word)).toBe(`${said}\n`));

test("a type's properties stand in a row, and those of lists have no field", () => {
  expect(properties(SCALING).map((one) => one.path.join("."))).toEqual(["event", "adjustment", "adjustment.number", "adjustment.best_effort", "zones", "zones.*.name"]);
  expect(properties(SCALING).filter(isField).map((one) => one.path.join("."))).toEqual(["event", "adjustment.number", "adjustment.best_effort"]);
});

test("a new specification begins with what is required", () => expect(skeleton(SCALING)).toEqual({ event: "CLUSTER_SCALE_IN" }));

test("a field writes into the text, and an empty one takes its word out again", () => {
  const spec = { type: "t", version: "1.0", properties: { event: "CLUSTER_SCALE_IN" } };
  const more = told(spec, at("adjustment.number"), "3");
  expect(more.properties).toEqual({ event: "CLUSTER_SCALE_IN", adjustment: { number: 3 } });
  expect(valueAt(more, ["adjustment", "number"])).toBe(3);
  expect(told(more, at("adjustment.number"), "").properties).toEqual(spec.properties);
  expect(told(spec, at("adjustment.best_effort"), "true").properties).toMatchObject({ adjustment: { best_effort: true } });
  expect(told(spec, at("adjustment.number"), "many").properties).toMatchObject({ adjustment: { number: "many" } });
});

test("a refusal blames the properties that it quotes", () => {
  const blame = (message: string) => blamed(message, properties(SCALING)).map((one) => one.path.join("."));
  expect(blame("Unrecognizable spec item 'bogus'")).toEqual([]);
  expect(blame("The value 'x' for 'number' is not a number")).toEqual(["adjustment.number"]);
});

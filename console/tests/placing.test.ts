import { expect, test } from "vitest";
import { documentOf } from "../src/document";
import { EXAMPLE, impossible, madeOf, map, sendable, sentence, type Member } from "../src/placing";

const member = (name: string, host: string | null, zone: string | null = null): Member => ({ id: name, name, type: "server", status: "ACTIVE", status_reason: "", host, zone, addresses: [], attached_to: null, spec: {} });

test("members stand on their hosts in their zones, and who is nowhere comes last", () => {
  const zones = map([member("c", null), member("b", "h10", "z1"), member("a", "h10", "z1"), member("d", "h2", "z1"), member("e", "h1", "z0")]);
  expect(zones.map((zone) => [zone.name, zone.hosts.map((host) => [host.name, host.members.map((one) => one.name)])])).toEqual([
    ["z0", [["h1", ["e"]]]],
    ["z1", [["h2", ["d"]], ["h10", ["a", "b"]]]],
    ["", [["", ["c"]]]],
  ]);
});

test("a rule reads as a sentence", () => {
  const rule = { name: "g", membersRef: ["a", "b"], spec: { rule: "anti-affinity", scope: "host", max_per_host: 2 }, state: "satisfied", violated_by: [], reason: null };
  expect(sentence(rule)).toBe("anti-affinity by host, at most 2 on one host: a, b");
  expect(sentence({ ...rule, spec: { rule: "affinity", scope: "zone" } })).toBe("affinity by zone: a, b");
});

test("a refusal tells why nothing was placed only where that is the reason", () => {
  const conflict = { text: "too few hosts", instances: [], rules: [], wants: [], resources: [], minimal: true };
  expect(impossible({ error: { message: "no", conflict, relaxations: [] } })?.conflict?.text).toBe("too few hosts");
  expect(impossible({ error: { message: "late", undecided: true, unplaced: ["a"] } })?.unplaced).toEqual(["a"]);
  expect(impossible({ error: { message: "the name is taken" } })).toBeNull();
  expect(impossible(null)).toBeNull();
});

test("a request is sent as it stands, or as JSON where it is YAML", async () => {
  expect(await sendable(EXAMPLE, documentOf)).toEqual({ fine: true, wrong: "", body: EXAMPLE, said: JSON.parse(EXAMPLE) });
  const repeated = '{"vcluster": {"instances": {"instance": {}, "instance": {}}}}';
  expect(await sendable(repeated, documentOf)).toEqual({ fine: true, wrong: "", body: repeated, said: null });
  expect((await sendable("vcluster: {name: one}", documentOf)).body).toBe('{"vcluster":{"name":"one"}}');
});

test.each([
  ["{}", /vcluster/],
  ["{", /is not JSON/],
  ["a: [", /is not YAML/],
  ["", /^$/],
])("%j cannot be sent", async (text, wrong) => {
  const said = await sendable(text, documentOf);
  expect(said.fine).toBe(false);
  expect(said.wrong).toMatch(wrong);
});

test("what a member is made of is said in a few words", () => {
  expect(madeOf({ ...member("a", "h"), spec: { imageRef: "demo-web", flavorRef: "tiny" } })).toBe("demo-web, tiny");
  expect(madeOf({ ...member("v", "h"), spec: { size: 10, volume_type: "" } })).toBe("10 GiB");
});

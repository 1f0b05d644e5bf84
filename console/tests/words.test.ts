import { expect, test } from "vitest";
import { refusal } from "../src/api";
import { found } from "../src/palette";
import { series } from "../src/series";
import { local, size, utc, verb } from "../src/words";
import { decision } from "./made";

test("times of today are short, others have their day, and UTC is always to be had", () => {
  const now = new Date("2026-01-02T12:00:00Z");
  expect(local("2026-01-02T11:00:00Z", now).length).toBeLessThan(local("2025-12-01T11:00:00Z", now).length);
  expect(utc("2026-01-02T11:00:00Z")).toBe("2026-01-02 11:00:00 UTC");
  expect(local(null)).toBe("");
});

test.each([[0, "0 B"], [1023, "1023 B"], [1536, "1.5 KiB"], [20 * 2 ** 30, "20 GiB"]] as [number, string][])("%d bytes are %s", (bytes, said) => expect(size(bytes)).toBe(said));

test.each([["CLUSTER_CREATE", "Create"], ["CLUSTER_REPLACE_NODES", "Replace nodes"]])("%s reads %s", (action, said) => expect(verb(action)).toBe(said));

test("the palette finds beginnings first, and nothing that is not there", () => {
  const entries = ["shop-web", "web", "Networks", "cobweb"].map((label) => ({ label }));
  expect(found(entries, "web").map((each) => each.label)).toEqual(["web", "shop-web", "cobweb"]);
  expect(found(entries, "zzz")).toEqual([]);
  expect(found(entries, "")).toEqual(entries);
});

test("decisions become lines in order of time; one that was repeated spans its time", () => {
  const later = decision({ at: "2026-01-01T00:01:00Z", last_at: "2026-01-01T00:02:00Z", after: 3, inputs: { ready: 2, cpu: null } });
  const made = series([later, decision()]);
  expect(made.desired).toEqual([2, 3, 3]);
  expect(made.load).toEqual([50, null, null]);
  expect(made.at).toEqual([...made.at].sort());
});

test("a refusal tells each field's fault; what cannot be read tells its status", () => {
  const told = refusal(400, JSON.stringify({ error: { message: "name: bad", type: "invalid", errors: [{ field: "name", message: "bad" }] } }));
  expect([told.message, told.fields]).toEqual(["name: bad", { name: "bad" }]);
  const wrapped = refusal(400, JSON.stringify({ type: "error", error: "name: bad", metadata: { errors: [{ field: "name", message: "bad" }] } }));
  expect([wrapped.message, wrapped.fields]).toEqual(["name: bad", { name: "bad" }]);
  expect(refusal(403, JSON.stringify({ type: "error", error: "ann may not", metadata: null })).message).toBe("ann may not");
  expect(refusal(500, JSON.stringify({ odd: true })).message).toBe("Muster answered 500");
  expect(refusal(502, "<html>").message).toBe("Muster answered 502");
});

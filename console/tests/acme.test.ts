import { describe, expect, test } from "vitest";
import { acmeFaults, acmeForeseen, isSame, trimmed, typedAcme, type Acme } from "../src/acme";

const none: Acme = { domain: "", email: "", ca_url: "https://acme-v02.api.letsencrypt.org/directory", http_challenge_address: ":80", agree_tos: false };
const wish: Acme = { ...none, domain: "muster.example.com", email: "ops@example.com", agree_tos: true };

test("what belongs to proofs by DNS is not typed, and so not sent", () => expect(typedAcme({ ...wish, provider: "" } as Acme)).toEqual(wish));
test("spaces around a word are no change", () => expect(isSame(wish, trimmed({ ...wish, domain: " muster.example.com " }))).toBe(true));
test("another agreement is one", () => expect(isSame(wish, { ...wish, agree_tos: false })).toBe(false));
test("none is in order, and so is a whole wish", () => expect([acmeFaults(none, true), acmeFaults(none, false), acmeFaults(wish, true)]).toEqual([{}, {}, {}]));
test("where HTTP is served none is got", () => expect(acmeFaults(wish, false).domain).toContain("tls_certificate"));

describe("what is wrong is known at its field", () => {
  test.each([
    ["domain", "*.example.com"],
    ["domain", "10.0.0.1"],
    ["domain", "[fd00::1]"],
    ["domain", "muster"],
    ["domain", "Muster.example.com"],
    ["email", "ops"],
    ["email", "a@b@c"],
    ["ca_url", ""],
    ["ca_url", "http://ca.example/dir"],
    ["http_challenge_address", "80"],
    ["http_challenge_address", ":0"],
    ["http_challenge_address", ":65536"],
    ["agree_tos", false],
  ])("%s: %s", (field, said) => expect(Object.keys(acmeFaults({ ...wish, [field]: said }, true))).toEqual([field]));
  test.each(["", ":8080", "127.0.0.1:80", "[::1]:80", "proofs.example:80"])("proofs may be at '%s'", (said) => expect(acmeFaults({ ...wish, http_challenge_address: said }, true)).toEqual({}));
});

describe("what comes of it", () => {
  const said = (was: Acme, now: Acme) => acmeForeseen(was, now).steps.join("\n");
  test("a new name is asked for, and proved where Muster listens", () => {
    expect(said(none, wish)).toMatch(/^acme-v02\.api\.letsencrypt\.org is asked for a certificate of muster\.example\.com: within seconds/);
    expect(said(none, wish)).toContain("Muster listens at :80 while it is asked");
  });
  test("others pass the question on", () => expect(said(none, { ...wish, http_challenge_address: "" })).toContain("has to pass that on"));
  test("the same name is asked for when that is due", () => expect(said(wish, { ...wish, email: "" })).toContain("when a third of its lifetime is left"));
  test("the one that is shown stays", () => expect(said(wish, { ...wish, domain: "" })).toContain("no certificate of muster.example.com is got any more"));
});

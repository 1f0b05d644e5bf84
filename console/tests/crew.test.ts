import { describe, expect, test } from "vitest";
import { byField, crewBody, crewFaults, crewMade, NOBODY, valueFaults, type Crew } from "../src/crew";
import type { Template } from "../src/metal";

const crew = (but: Partial<Crew> = {}): Crew => ({ ...NOBODY, name: "c1", servers: ["m1", "m2"], ...but });
const template: Template = {
  name: "rack",
  description: "",
  service_config_template: "",
  application_config_template: "",
  variables: { RACK: { description: "", default: "", type: "int", min: 1, max: 9 }, CEPH: { description: "", default: "true", type: "bool" }, KIND: { description: "", default: "a", choices: ["a", "b"] } },
  last_updated: "",
};

describe("what is wrong with a cluster of servers", () => {
  test("nothing, where it has a name and servers", () => expect(crewFaults(crew(), undefined)).toEqual({}));
  test.each([
    [{ name: "" }, "name"],
    [{ name: "a b" }, "name"],
    [{ name: ":c" }, "name"],
    [{ servers: [] }, "server_names"],
    [{ way: "template" }, "cluster_template"],
  ] as [Partial<Crew>, string][])("%o is told at %s alone", (but, field) => expect(Object.keys(crewFaults(crew(but), undefined))).toEqual([field]));
  test("values of a template are told by their variables", () => {
    const wanted = crew({ way: "template", template: "rack", values: { RACK: "x" } });
    expect(crewFaults(wanted, template)).toEqual({ "values.RACK": "must be a whole number" });
  });
});

describe("what is wrong with values", () => {
  test.each([
    [{}, { RACK: "is required: it has no default" }],
    [{ RACK: "0" }, { RACK: "must be 1 at least" }],
    [{ RACK: "10" }, { RACK: "must be 9 at most" }],
    [{ RACK: "7", CEPH: "yes" }, { CEPH: "must be true or false" }],
    [{ RACK: "7", KIND: "c" }, { KIND: "must be one of a, b" }],
    [{ RACK: "7" }, {}],
  ] as [Record<string, string>, Record<string, string>][])("%o", (values, wrong) => expect(valueFaults(template, values)).toEqual(wrong));
  test("a secret is given, and not too short to be kept", () => {
    const locked = { ...template, variables: { PW: { description: "", default: "", type: "secret" } } };
    const said: Record<string, string>[] = [{}, { PW: "ses" }, { PW: "sesame" }];
    expect(said.map((values) => valueFaults(locked, values).PW)).toEqual(["is required: it has no default", "must be a text of 4 signs at least", undefined]);
  });
});

describe("the request", () => {
  test("has documents, or a template, never both", () => {
    const services = { lvm: { enabled: true } };
    expect(crewBody(crew({ services, template: "rack" }))).toEqual({ name: "c1", server_names: ["m1", "m2"], server_type: "incus", services_config: services });
    const byTemplate = crewBody(crew({ services, way: "template", template: "rack", values: { RACK: "7", CEPH: "" } }));
    expect(byTemplate).toEqual({ name: "c1", server_names: ["m1", "m2"], server_type: "incus", cluster_template: "rack", cluster_template_variable_values: { RACK: "7" } });
  });
  test("says what only making takes when it is made", () => {
    expect(crewMade(crew({ cloud: false, description: "cellar" }))).toMatchObject({ config: { cloud: false }, description: "cellar" });
    expect(crewMade(crew())).not.toHaveProperty("config");
  });
});

test("what speaks against it stands at the field that it is about", () => {
  const findings = [
    { server: "m1", what: "offline", text: "it does not answer" },
    { server: "m2", what: "taken", text: "it is of c0" },
    { server: "", what: "document", text: "services_config.foo: is no service" },
    { server: "", what: "no_number", text: "no number is left" },
  ];
  expect(byField(findings)).toEqual({ server_names: "m1: it does not answer; m2: it is of c0", services_config: "services_config.foo: is no service", "": "no number is left" });
});

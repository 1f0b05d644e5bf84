import { expect, test } from "vitest";
import { lacking, places, templateFaults, type Typed } from "../src/template";

const typed = (but: Partial<Typed> = {}): Typed => ({ name: "rack", description: "", services: "lvm: {enabled: @LVM@}", application: "", variables: { LVM: { default: "true" } }, ...but });

test("places are found once each, and a doubled @ is none", () => {
  expect(places("a: @X@\nb: @X@ @Y@\nmail: me@@example.org")).toEqual(["X", "Y"]);
});

test("a template whose places and variables fit is in order", () => expect(templateFaults(typed())).toEqual({}));

test.each([
  [{ name: "" }, "name"],
  [{ application: "config: {user.rack: @RACK@}" }, "application_config_template"],
  [{ variables: { LVM: {}, IDLE: {} } }, "variables"],
] as [Partial<Typed>, string][])("%o is told at %s", (but, field) => expect(Object.keys(templateFaults(typed(but)))).toEqual([field]));

test("variables that documents ask for are offered", () => expect(lacking(typed({ application: "@RACK@" }))).toEqual({ RACK: { description: "" } }));

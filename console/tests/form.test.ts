import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { asCommand, asCurl, asYaml, body, changeFaults, EMPTY, faults, quoted, type Draft } from "../src/form";

const draft = (but: Partial<Draft> = {}): Draft => ({ ...EMPTY, name: "web", image: "demo-web", flavor: "tiny", port: "8080", ...but });

describe("what is wrong with a draft", () => {
  test("nothing, where everything needed is said", () => expect(faults(draft())).toEqual({}));

  test.each([
    [{ name: "" }, "name"],
    [{ name: "-web" }, "name"],
    [{ name: "w".repeat(64) }, "name"],
    [{ name: "we b" }, "name"],
    [{ image: "" }, "image"],
    [{ flavor: "" }, "flavor"],
    [{ min_size: "7" }, "min_size"],
    [{ min_size: "-1" }, "min_size"],
    [{ max_size: "many" }, "max_size"],
    [{ max_size: "" }, "max_size"],
    [{ desired_size: "9" }, "desired_size"],
    [{ port: "0" }, "port"],
    [{ port: "65536" }, "port"],
    [{ dns_name: "web" }, "dns_name"],
    [{ health_path: "health" }, "health_path"],
    [{ scale_out_threshold: "0" }, "scale_out_threshold"],
    [{ scale_out_threshold: "101" }, "scale_out_threshold"],
    [{ scale_in_threshold: "70" }, "scale_in_threshold"],
    [{ create_bastion: true }, "keypair"],
  ] as [Partial<Draft>, string][])("%o is told at %s alone", (but, field) => expect(Object.keys(faults(draft(but)))).toEqual([field]));

  test.each([{ min_size: "0" }, { dns_name: "web.example.org" }, { scale_out_threshold: "" }, { scale_in_threshold: "0" }, { scale_out_threshold: "72,5" }] as Partial<Draft>[])(
    "%o is as good",
    (but) => expect(faults(draft(but))).toEqual({}),
  );
});

describe("the same in other words", () => {
  test("the body holds numbers, shares, and nothing that was left empty", () =>
    expect(body(draft({ scale_out_threshold: "72,5" }))).toEqual({
      name: "web",
      image: "demo-web",
      flavor: "tiny",
      min_size: 2,
      max_size: 6,
      port: 8080,
      scale_out_threshold: 0.725,
      scale_in_threshold: 0.2,
    }));

  test("the command says all of it", () =>
    expect(asCommand(body(draft({ dns_name: "web.example.org", keypair: "ann", create_bastion: true })))).toBe(
      "muster cluster create web --image demo-web --flavor tiny --min 2 --max 6 --port 8080 --keypair ann --dns-name web.example.org " +
        "--scale-out-threshold 0.7 --scale-in-threshold 0.2 --bastion --wait",
    ));

  test("what the command has no option for is given as a file", () => expect(asCommand(body(draft({ drain_seconds: "5" })))).toContain("--file - <<'END'\nname: \"web\"\n"));

  test("YAML quotes strings", () => expect(asYaml({ name: "no", min_size: 2 })).toBe('name: "no"\nmin_size: 2\n'));

  test.each(["plain", "it's", "$(touch /tmp/x)", "a b", '"', "`id`", "\\"])("a shell reads %s back as it is", (word) =>
    expect(execFileSync("sh", ["-c", `printf %s ${quoted(word)}`]).toString()).toBe(word),
  );

  test("curl sends the body whole", () => expect(asCurl({ name: "it's" }, "http://127.0.0.1:8778")).toContain(`-d '{"name":"it'\\''s"}'`));
});

describe("what is wrong with a change", () => {
  const now = { min_size: "2", max_size: "4", desired_size: "3", scale_out_threshold: "70", scale_in_threshold: "20" };
  test.each([
    [{}, []],
    [{ max_size: "-1", desired_size: "9" }, []],
    [{ scale_out_threshold: "", scale_in_threshold: "" }, []],
    [{ min_size: "5" }, ["min_size"]],
    [{ min_size: "x" }, ["min_size"]],
    [{ desired_size: "1" }, ["desired_size"]],
    [{ scale_in_threshold: "" }, ["scale_in_threshold"]],
    [{ scale_out_threshold: "" }, ["scale_out_threshold"]],
    [{ scale_in_threshold: "70" }, ["scale_in_threshold"]],
  ] as [Partial<typeof now>, string[]][])("%o is told at %o", (but, fields) => expect(Object.keys(changeFaults({ ...now, ...but }))).toEqual(fields));
});

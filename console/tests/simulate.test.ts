import { describe, expect, test } from "vitest";
import { csv, FIRST, load, placed, trialBody, trialFaults, type Trial } from "../src/simulate";

const trial = (but: Partial<Trial> = {}): Trial => ({ ...FIRST, ...but });

describe("a load", () => {
  test.each(["rise", "wave", "spike"] as const)("as a %s begins low, ascends in time and gets high", (shape) => {
    const points = load(trial({ shape }));
    expect(points[0]).toEqual([0, 100]);
    expect(points.at(-1)?.[0]).toBe(3600);
    expect(Math.max(...points.map(([, value]) => value))).toBe(600);
    expect(points.every(([at], index) => index === 0 || at > (points[index - 1]?.[0] ?? 0))).toBe(true);
  });
  test("is read from lines, with a header or without", () => {
    const wanted = { points: [[0, 120], [60, 135]], wrong: "" };
    expect(csv("time,load\n0,120\n60,135\n")).toEqual(wanted);
    expect(csv("2026-01-01T00:00:00Z;120\n2026-01-01T00:01:00Z;135")).toEqual(wanted);
  });
  test.each([
    ["", /two lines/],
    ["0,1", /two lines/],
    ["0,1\n0,2", /line 2: times must ascend/],
    ["0,1\n60,much", /line 2: 'much' is no load/],
    ["0,1\nnoon,2", /line 2: 'noon' is no time/],
  ])("%j is told with what is wrong", (text, wrong) => expect(csv(text).wrong).toMatch(wrong));
});

describe("what is wrong with a trial", () => {
  test("nothing, to begin with", () => expect(trialFaults(FIRST)).toEqual({}));
  test.each([
    [{ low: "-1" }, "low"],
    [{ minutes: "0" }, "minutes"],
    [{ capacity: "0" }, "capacity"],
    [{ min: "x" }, "min"],
    [{ min: "5", max: "2" }, "max"],
    [{ out: "120" }, "out"],
    [{ out: "50", into: "60" }, "into"],
    [{ shape: "measured" }, "csv"],
  ] as [Partial<Trial>, string][])("%o is told at %s alone", (but, field) => expect(Object.keys(trialFaults(trial(but)))).toEqual([field]));
});

test("only what differs from the cluster is asked", () => {
  expect(Object.keys(trialBody(FIRST)).sort()).toEqual(["load", "plant"]);
  expect(trialBody(trial({ out: "72,5", max: "9" }))).toMatchObject({ scale_out_threshold: 0.725, max_size: 9 });
});

test("a load of a week is looked at less often", () => {
  expect(trialBody(trial({ minutes: "10080" })).plant).toMatchObject({ step_seconds: 121 });
  expect(trialBody(FIRST).plant).toMatchObject({ step_seconds: 15 });
});

test("what the service finds wrong stands at the field of the form", () => {
  expect(placed({ "plant.boot_seconds": "must be a number", metric: "must be cpu" })).toEqual({ boot: "must be a number", "": "metric must be cpu" });
});

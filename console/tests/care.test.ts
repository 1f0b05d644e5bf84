import { describe, expect, test } from "vitest";
import { careBody, careFaults, typedCare, type Care } from "../src/care";

const was: Care = {
  connection_url: "",
  channel: "stable",
  description: "",
  properties: { rack: "7" },
  config: { cloud: true, rolling_restart: { post_restore_delay: "0s", restore_mode: "", windows: ["Sat 01:00-05:00"], max_parallel: 1, drain_timeout: "900s", hook_before: "", hook_after: "" } },
};

test("what is read and not touched is said again as it was", () => expect(careBody(was, typedCare(was))).toEqual(was));
test("windows are one a line", () => {
  const said = careBody(was, { ...typedCare(was), windows: "Sat 01:00-05:00\n\n 22:00-04:00 " });
  expect(said.config.rolling_restart.windows).toEqual(["Sat 01:00-05:00", "22:00-04:00"]);
});
test("all is in order as it was", () => expect(careFaults(typedCare(was))).toEqual({}));
describe("what is wrong is known at its field", () => {
  test.each([
    ["windows", "Sat 01:00-05:00\n25:00-26:00"],
    ["windows", "saturdays"],
    ["max_parallel", "0"],
    ["max_parallel", "many"],
    ["post_restore_delay", "15"],
    ["drain_timeout", "a while"],
    ["hook_before", "ftp://there"],
    ["hook_after", "https://me@there/"],
  ])("%s: %s", (field, said) => expect(Object.keys(careFaults({ ...typedCare(was), [field]: said }))).toEqual([field]));
});

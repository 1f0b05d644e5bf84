import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = process.env.MUSTER_URL ?? "http://127.0.0.1:8778";

export default defineConfig({
  plugins: [svelte()],
  // Nothing inlined: the policy that the page is served with takes scripts and styles from files alone.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2022" },
  server: { proxy: { "/v1": { target: server, ws: true }, "/v2": server, "/1.0": server, "/docs": server } },
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000 }, // a machine with much else to do takes seconds to read a module
});

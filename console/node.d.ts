// What is used of Node here, which is little.
declare module "node:child_process" {
  export function execFileSync(file: string, words: string[]): { toString(): string };
}
declare const process: { env: Record<string, string | undefined> };

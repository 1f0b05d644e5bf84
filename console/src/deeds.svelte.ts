// One thing to be done at a time: its plan is shown before, whoever asks for it.

import type { Plan } from "./types";

export interface Deed {
  title: string;
  method: string;
  path: string;
  body?: unknown;
  label: string; // of the button that does it
  danger?: boolean;
  foreseen?: Foreseen; // where the API tells no plan of it
  ahead?: () => Promise<Foreseen>; // where it tells one otherwise than by ?plan
  act?: () => Promise<unknown>; // what does it, where that is more than this one request
  then?: () => void;
}

export type Foreseen = Omit<Plan, "hash"> & { against?: string[] }; // what it would be refused for

class Deeds {
  now = $state.raw<Deed | null>(null);

  propose(deed: Deed) {
    this.now = deed;
  }
}

export const deeds = new Deeds();

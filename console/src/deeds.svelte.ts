// One thing to be done at a time: its plan is shown before, whoever asks for it.

export interface Deed {
  title: string;
  method: string;
  path: string;
  body?: unknown;
  label: string; // of the button that does it
  danger?: boolean;
  then?: () => void;
}

class Deeds {
  now = $state.raw<Deed | null>(null);

  propose(deed: Deed) {
    this.now = deed;
  }
}

export const deeds = new Deeds();

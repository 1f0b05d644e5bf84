// Light or dark: as the system has it, until the reader says otherwise.

const KEY = "muster.theme";
const NEXT: Record<string, string> = { "": "dark", dark: "light", light: "" };

class Theme {
  said = $state(localStorage.getItem(KEY) ?? "");

  constructor() {
    this.#show();
  }

  turn() {
    this.said = NEXT[this.said] ?? "";
    localStorage.setItem(KEY, this.said);
    this.#show();
  }

  #show() {
    if (this.said) document.documentElement.dataset.theme = this.said;
    else delete document.documentElement.dataset.theme;
  }
}

export const theme = new Theme();

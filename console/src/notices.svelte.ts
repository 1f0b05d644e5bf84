// Notifications of the browser, for whoever chose them: of what ended while the reader was elsewhere.
import type { Operation } from "./operations";

const KEY = "muster.notify";

class Notices {
  on = $state(globalThis.localStorage?.getItem(KEY) === "yes" && globalThis.Notification?.permission === "granted");
  trouble = $state("");

  async turn() {
    this.trouble = "";
    if (this.on) return this.#keep(false);
    if (!globalThis.Notification || !isSecureContext) this.trouble = "This browser takes notifications only from pages over HTTPS, or of this very machine.";
    else if ((await Notification.requestPermission()) === "granted") this.#keep(true);
    else this.trouble = "This browser was told to take no notifications from here; its settings for this page can be changed.";
  }

  #keep(on: boolean) {
    this.on = on;
    if (on) localStorage.setItem(KEY, "yes");
    else localStorage.removeItem(KEY);
  }

  /** Tell of what has ended, unless the reader is looking at this very page. */
  tell(ended: Operation[]) {
    if (!this.on || (!document.hidden && document.hasFocus())) return;
    for (const one of ended) {
      const notice = new Notification(`${one.title}: ${one.state}`, { body: one.reason, tag: one.id });
      notice.onclick = () => focus();
    }
  }
}

export const notices = new Notices();

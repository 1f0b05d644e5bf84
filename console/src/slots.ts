// Rows of a list that moves on: one that falls off its end is used again for one that comes.

export class Slots {
  #of = new Map<number, number>();
  #count = 0;

  /** Return the row of each of these: its own as long as it is among them, no other's. */
  take(shown: number[]): number[] {
    const now = new Set(shown);
    const free: number[] = [];
    for (const [one, slot] of this.#of) {
      if (now.has(one)) continue;
      free.push(slot);
      this.#of.delete(one);
    }
    return shown.map((one) => {
      const slot = this.#of.get(one) ?? free.pop() ?? this.#count++;
      this.#of.set(one, slot);
      return slot;
    });
  }
}

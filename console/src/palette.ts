// What the command palette finds: beginnings of words first, then anywhere, then letters in order.

export interface Entry {
  label: string;
  kind: string;
  run: () => void;
}

function rank(label: string, said: string): number {
  const text = label.toLowerCase();
  if (text.startsWith(said)) return 0;
  if (text.split(/[\s-]+/).some((word) => word.startsWith(said))) return 1;
  if (text.includes(said)) return 2;
  let from = 0;
  for (const letter of said) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return Infinity;
  }
  return 3;
}

export function found<T extends { label: string }>(entries: T[], said: string): T[] {
  const wanted = said.trim().toLowerCase();
  if (!wanted) return entries;
  const ranked = entries.map((entry) => ({ entry, at: rank(entry.label, wanted) }));
  return ranked.filter((each) => each.at < Infinity).sort((a, b) => a.at - b.at).map((each) => each.entry);
}

// Answers that overtake each other: nothing older is shown in place of something newer.

/**
 * Return what is called at each asking, and gives a word on its answer: whether that may be shown,
 * which it may not once an answer to something asked later was.
 */
export function inOrder(): () => () => boolean {
  let [asked, shown] = [0, 0];
  return () => {
    const turn = ++asked;
    return () => {
      if (turn < shown) return false;
      shown = turn;
      return true;
    };
  };
}

/** Return what calls something once, however often it is called. */
export function once(doing: () => void): () => void {
  let done = false;
  return () => {
    if (!done) doing();
    done = true;
  };
}

// Runs in the page before the console does: notes when what was awaited is on the screen.
(() => {
  const bench = { rows: 0, shown: 0, left: 0, frames: [], blank: 0, scrolled: false };
  window.bench = bench;
  let wanted = null;
  const drawn = (note) => requestAnimationFrame(() => setTimeout(note)); // after the frame with it

  const look = () => {
    if (!bench.rows && document.querySelectorAll("tbody tr a").length >= 10) {
      bench.rows = -1;
      drawn(() => (bench.rows = performance.now()));
    }
    if (!wanted) return;
    const { selector, words } = wanted;
    const there = [...document.querySelectorAll(selector)].some((each) => words.every((word) => each.textContent.includes(word)));
    if (!there) return;
    wanted = null;
    drawn(() => (bench.shown = Date.now()));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });

  bench.await = (selector, words) => {
    bench.shown = 0;
    wanted = { selector, words };
    look();
  };

  window.WebSocket = class extends WebSocket {
    constructor(...said) {
      super(...said);
      bench.socket = this;
    }
  };

  // Events as they came once, told again under new numbers.
  bench.replay = (told, count, perTurn, everyMs) => {
    let seq = Math.max(...told.map((one) => one.seq));
    bench.left = count;
    const turn = setInterval(() => {
      for (let n = 0; n < perTurn && bench.left > 0; n += 1, bench.left -= 1) {
        const data = JSON.stringify({ ...told[bench.left % told.length], seq: ++seq });
        bench.socket.onmessage({ data });
      }
      if (bench.left <= 0) clearInterval(turn);
    }, everyMs);
  };

  bench.scroll = (pixels, seconds) => {
    const began = performance.now();
    let last = began;
    bench.frames = [];
    bench.blank = 0;
    bench.scrolled = false;
    const step = (now) => {
      bench.frames.push(now - last);
      last = now;
      const row = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("tr");
      if (!row?.textContent.trim()) bench.blank += 1;
      scrollBy(0, pixels);
      if (now - began < seconds * 1000) requestAnimationFrame(step);
      else bench.scrolled = true;
    };
    requestAnimationFrame(step);
  };
})();

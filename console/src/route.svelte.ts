// Where the reader is: the address is the one place that knows, so that every view can be linked.

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

class Route {
  place = $state.raw<Place>(here());

  constructor() {
    addEventListener("popstate", () => (this.place = here()));
  }

  go(to: string) {
    history.pushState(null, "", to);
    this.place = here();
    scrollTo(0, 0);
  }

  /** Go on to where an answer leads, unless the reader has left meanwhile. */
  follow(from: string, to: string) {
    if (this.place.path === from) this.go(to);
  }

  /** Change parts of the query in place; "" takes one out. */
  say(said: Record<string, string>) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(said)) value ? query.set(name, value) : query.delete(name);
    const text = query.toString();
    history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
    this.place = here();
  }

  /** Follow links of the page itself without loading it anew. */
  clicked(event: MouseEvent) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest?.("a");
    if (!link || link.target || link.origin !== location.origin || link.pathname.startsWith("/docs")) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const route = new Route();

import type { JsonAnswer, Route } from './route.js';

const keptRequests = 200;

/** Counts what an upstream was asked, so that a test or a demonstration can tell a load from a hit. */
export class RequestCounter {
  private total = 0;
  private readonly byRoute = new Map<string, number>();
  private recent: string[] = [];

  count(route: Route, url: URL): void {
    const name = `${route.method} ${route.path}`;
    this.total++;
    this.byRoute.set(name, (this.byRoute.get(name) ?? 0) + 1);
    this.recent.push(`${route.method} ${url.pathname}${url.search}`);
    if (this.recent.length > 2 * keptRequests) this.recent = this.recent.slice(-keptRequests);
  }

  routes(): Route[] {
    return [
      { method: 'GET', path: '/stats', steering: true, handle: () => this.answer() },
      {
        method: 'DELETE',
        path: '/stats',
        steering: true,
        handle: () => {
          this.total = 0;
          this.byRoute.clear();
          this.recent = [];
          return this.answer();
        },
      },
    ];
  }

  private answer(): JsonAnswer {
    const body = { total: this.total, by_route: Object.fromEntries(this.byRoute), recent: this.recent };
    return { status: 200, body: { ...body, recent: this.recent.slice(-keptRequests) } };
  }
}

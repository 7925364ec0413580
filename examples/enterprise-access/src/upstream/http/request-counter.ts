import type { JsonAnswer, Route } from './route.js';

const keptRequests = 200;

/** Counts what an upstream was asked, so that a test or a demonstration can tell a load from a hit. */
export class RequestCounter {
  private total = 0;
  private readonly byRoute = new Map<string, number>();
  private recent: string[] = [];
  private underWay = 0;
  private mostAtOnce = 0;

  begin(route: Route, url: URL): void {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.underWay);
    const name = `${route.method} ${route.path}`;
    this.total++;
    this.byRoute.set(name, (this.byRoute.get(name) ?? 0) + 1);
    this.recent.push(`${route.method} ${url.pathname}${url.search}`);
    if (this.recent.length > 2 * keptRequests) this.recent = this.recent.slice(-keptRequests);
  }

  end(): void {
    this.underWay--;
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
          this.mostAtOnce = this.underWay;
          return this.answer();
        },
      },
    ];
  }

  private answer(): JsonAnswer {
    const byRoute = Object.fromEntries(this.byRoute);
    const recent = this.recent.slice(-keptRequests);
    return { status: 200, body: { total: this.total, by_route: byRoute, most_at_once: this.mostAtOnce, recent } };
  }
}

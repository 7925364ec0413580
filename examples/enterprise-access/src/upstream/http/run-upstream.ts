import { FaultPlan } from './fault-plan.js';
import { JsonServer } from './json-server.js';
import { RequestCounter } from './request-counter.js';
import type { Route } from './route.js';

export interface Upstream {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly delayMs: number;
  /** Called after the last answer. */
  readonly close?: () => void | Promise<void>;
}

/**
 * Serves on `--port` (default 0: a free one) of the loopback interface, prints `{"service","port","address"}` as one line, and ends
 * on SIGTERM, or when the launcher that started it is gone. Under a launcher Ctrl-C is the launcher's to handle: the terminal sends
 * it to all, and this service is still needed by those who finish their requests.
 */
export async function runUpstream({ name, routes, delayMs, close }: Upstream): Promise<void> {
  const faults = new FaultPlan();
  const requests = new RequestCounter();
  const health: Route = {
    method: 'GET',
    path: '/health',
    steering: true,
    handle: () => ({ status: 200, body: { service: name, pid: process.pid } }),
  };
  const server = new JsonServer({
    routes: [...routes, health, ...requests.routes(), ...faults.routes()],
    faults,
    requests,
    delayMs,
  });
  const port = await server.listen(portFrom(process.argv));
  let ending: Promise<void> | undefined;
  const end = (): void => {
    ending ??= server.close().then(async () => {
      await close?.();
      if (process.connected) process.disconnect();
    });
  };
  process.once('SIGTERM', end);
  if (process.send) process.once('disconnect', end).on('SIGINT', () => {});
  else process.once('SIGINT', end);
  const ready = { service: name, port, address: `http://127.0.0.1:${port}` };
  console.log(JSON.stringify(ready));
  process.send?.(ready);
}

function portFrom(argv: readonly string[]): number {
  const at = argv.indexOf('--port');
  const text = at === -1 ? '0' : (argv[at + 1] ?? '');
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new Error(`--port: '${text}' is no port. Give 0 to 65535.`);
  return Number(text);
}

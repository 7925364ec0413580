import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const register = new URL('../../../../test/support/sources/register.mjs', import.meta.url).href;
const source = new URL('../../src/', import.meta.url);

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export interface ExampleOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
}

/** Runs a program of the example from its sources, and resolves when it has printed its address. */
export async function startExample(program: string, { env, args = [] }: ExampleOptions = {}): Promise<ExampleProcess> {
  const file = fileURLToPath(new URL(program, source));
  const child = spawn(process.execPath, ['--import', register, file, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  living.add(child);
  const started = new ExampleProcess(program, child);
  await started.ready;
  return started;
}

export class ExampleProcess {
  /** Lines of both outputs, without the ready line. */
  readonly lines: string[] = [];
  readonly ready: Promise<void>;
  readonly exited: Promise<number | NodeJS.Signals | null>;
  address = '';

  constructor(
    program: string,
    private readonly child: ChildProcess,
  ) {
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        living.delete(child);
        resolve(code ?? signal);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      const take = (line: string): void => {
        if (!this.address && line.startsWith('{"service"')) {
          this.address = (JSON.parse(line) as { address: string }).address;
          resolve();
        } else this.lines.push(line);
      };
      for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', take);
      child.once('error', reject);
      void this.exited.then((outcome) =>
        reject(new Error(`${program} ended (${outcome}) before it was ready:\n${this.lines.join('\n')}`)),
      );
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** SIGTERM; resolves to how it ended, SIGKILL after `limitMs`, longer than a busy machine needs. */
  async stop(limitMs = 30_000): Promise<number | NodeJS.Signals | null> {
    this.child.kill('SIGTERM');
    const insist = setTimeout(() => this.child.kill('SIGKILL'), limitMs);
    const outcome = await this.exited;
    clearTimeout(insist);
    return outcome;
  }

  /** SIGSTOP: it does nothing at all until `resume`. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** One request; the body parsed as JSON where it is JSON. */
export async function request(
  method: string,
  url: string,
  { body, headers }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? undefined : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  return { status: response.status, body: parsed(text), headers: response.headers };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dyingWithParent } from './dies-with-parent.js';
import { freePort } from './free-port.js';

/** A shared cache of a real nginx in front of an application. */
export interface SharedCache {
  readonly url: string;
  stop(): Promise<void>;
}

const missing = 127;

/**
 * Starts an nginx on 127.0.0.1 that keeps whatever the application's headers allow, for everybody: its key is the URL, and it knows of no
 * credentials but by `Vary` and `Cache-Control`. Each answer says in `X-Shared` whether it was kept.
 *
 * @param keepsCookies as caches do that don't stop at `Set-Cookie`, which RFC 9111 does not forbid.
 */
export async function startSharedCache(target: string, keepsCookies = false): Promise<SharedCache> {
  const directory = await mkdtemp(join(tmpdir(), 'shared-cache-'));
  const port = await freePort();
  const path = join(directory, 'nginx.conf');
  await writeFile(path, configuration(directory, port, target, keepsCookies));
  const [command, args] = dyingWithParent('nginx', ['-p', directory, '-e', join(directory, 'error.log'), '-c', path]);
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
  const child = spawn(command, args, { stdio: 'ignore', env });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  await listening(port, child, exited);
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** Until the port answers. Rejects, and says what to do, when the server ends before. */
async function listening(port: number, child: ChildProcess, exited: Promise<number | null>): Promise<void> {
  let code: number | null | undefined;
  void exited.then((one) => (code = one));
  while (!(await answers(port))) {
    if (code === missing) throw new Error('nginx is not installed. Install it: apt-get install nginx-light');
    if (code !== undefined || child.exitCode !== null) throw new Error(`nginx ended with ${code ?? child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function configuration(directory: string, port: number, target: string, keepsCookies: boolean): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(directory, name)};`)
    .join('\n  ');
  return `daemon off;
master_process off;
pid ${join(directory, 'nginx.pid')};
events { worker_connections 256; }
http {
  access_log off;
  ${temporary}
  proxy_cache_path ${join(directory, 'cache')} keys_zone=shared:1m use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${target};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache shared;
      proxy_cache_key $host$request_uri;
      ${keepsCookies ? 'proxy_ignore_headers Set-Cookie;' : ''}
      add_header X-Shared $upstream_cache_status always;
    }
  }
}
`;
}

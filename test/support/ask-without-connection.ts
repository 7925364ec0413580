import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

/**
 * Asks as adapters of serverless platforms do: the response is Node's, what it writes to is kept, and nothing that could be closed stands behind it. Resolves when the response has
 * finished; it is never closed.
 */
export async function askWithoutConnection(server: Server, path: string): Promise<ServerResponse> {
  const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: path, httpVersion: '1.1' });
  request.headers = { host: 'test' };
  request.push(null);
  const response = new ServerResponse(request);
  response.assignSocket(new Writable({ write: (_chunk, _encoding, done) => done() }) as Socket);
  const finished = once(response, 'finish');
  server.emit('request', request, response);
  await finished;
  return response;
}

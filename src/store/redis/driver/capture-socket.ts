import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * The TCP socket that `work` makes before it returns; `undefined` where it makes none. Node tells of every socket that `net.connect` makes
 * (`net.client.socket`), and tells it during the call, so nobody else's socket can be meant.
 */
export function captureSocket<T>(work: () => T): { readonly result: T; readonly socket: Socket | undefined } {
  let socket: Socket | undefined;
  const note = (message: unknown): void => {
    socket ??= (message as { readonly socket?: Socket }).socket;
  };
  diagnostics.subscribe('net.client.socket', note);
  try {
    const result = work();
    return { result, socket };
  } finally {
    diagnostics.unsubscribe('net.client.socket', note);
  }
}

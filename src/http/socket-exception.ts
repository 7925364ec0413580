/** What Nest tells a client of a gateway whose message failed. */
export interface SocketException {
  readonly status: 'error';
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** What is used of a client: a WebSocket, which has a state, or one of Socket.IO. Both have `emit`; that of a WebSocket reaches nobody else. */
interface SocketClient {
  readonly readyState?: unknown;
  send?(text: string): void;
  emit?(event: string, data: unknown): void;
}

/** Sends it as the event `exception`, as Nest's own filter of gateways does: what a filter returns is given to nobody there. */
export function sendException(client: SocketClient, data: SocketException): void {
  const event = 'exception';
  if (typeof client.readyState === 'number' && client.send) client.send(JSON.stringify({ event, data }));
  else client.emit?.(event, data);
}

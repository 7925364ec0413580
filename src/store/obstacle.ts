/** What stands in the way of a connection, for people. */
export interface Obstacle {
  /** The system's code, or what TLS objects to. It repeats no address: the server's name stands in front of it. */
  readonly words: string;
  readonly isOfTls: boolean;
}

/** @param error what the socket, or what speaks through it, has failed with. */
export function obstacleIn(error: unknown): Obstacle {
  const { message, code, syscall, reason } = (error ?? {}) as Readonly<Record<string, unknown>>;
  const said = typeof message === 'string' ? (message.split(/[\r\n]/, 1)[0] as string).slice(0, 160) : '';
  // The system's errors name the call that has failed. Where a name has several addresses and all of them fail, there is a code alone.
  const isOfSystem = typeof code === 'string' && (typeof syscall === 'string' || said === '');
  if (isOfSystem) return { words: code, isOfTls: false };
  // OpenSSL's own message names its files.
  const words = typeof reason === 'string' ? reason : said;
  return { words: words || 'the connection has ended', isOfTls: typeof code === 'string' };
}

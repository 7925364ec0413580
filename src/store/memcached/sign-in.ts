import type { Socket } from 'node:net';
import { RefusalError } from './server-error.js';
import type { Credentials } from './server-access.js';

const longestAnswer = 200;

/**
 * Says who asks, as a server that was started with `-Y` wants it before anything else: the value of the first `set` is the user and the password
 * (doc/protocol.txt, "Authentication"). It ignores the key and the life.
 *
 * @throws RefusalError in the server's words; Error where the connection ends.
 */
export function signIn(socket: Socket, credentials: Credentials): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const over = (error?: Error): void => {
      socket.off('data', read).off('close', ended);
      if (error) reject(error);
      else resolve();
    };
    const ended = (): void => over(new Error('the connection was closed'));
    const read = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
      if (said === 'STORED\r\n') over();
      else if (said.includes('\n') || said.length > longestAnswer)
        over(
          new RefusalError(
            `it said ${said
              .replace(/[^\x20-\x7e]+/g, ' ')
              .trim()
              .slice(0, 100)}`,
          ),
        );
    };
    socket.on('data', read).once('close', ended);
    const { username, password } = credentials.reveal();
    const body = `${username} ${password}`;
    // A server that asks for none takes this for a value: it is over at once, and the key is nobody's.
    socket.write(`set ~auth 0 -1 ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  });
}

import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

/** Options of `tls.connect` whose key and passphrase show neither in logs nor in JSON. */
export class TlsSettings {
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
  }

  /**
   * What `tls.connect` is to be given over this socket. The secrets are inside of a secure context: a TLS socket shows the options that it was made with.
   * @throws what Node says of a key or a certificate that can't be used.
   */
  over(socket: Socket, host: string): ConnectionOptions {
    const { key, pfx, passphrase, ...shown } = this.#options;
    const servername = shown.servername ?? (isIP(host) === 0 ? host : undefined);
    const hasSecret = key !== undefined || pfx !== undefined || passphrase !== undefined;
    return {
      ...shown,
      ...(hasSecret && { secureContext: shown.secureContext ?? createSecureContext(this.#options) }),
      host,
      socket,
      ...(servername !== undefined && { servername }),
    };
  }
}

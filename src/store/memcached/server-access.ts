import type { ConnectionOptions } from 'node:tls';
import { InvalidOptionError } from '../../value/errors.js';
import { TlsSettings } from '../tls-settings.js';

/** How a server is entered: over TLS, and by whom. */
export interface ServerAccess {
  readonly tls: TlsSettings | undefined;
  /** For a server that was started with `-Y`. */
  readonly credentials: Credentials | undefined;
}

/** A user and a password that show neither in errors, nor in logs, nor in JSON. */
export class Credentials {
  readonly #username: string;
  readonly #password: string;

  constructor(username: string, password: string) {
    this.#username = username;
    this.#password = password;
  }

  /** What is sent to a server that is logged in to. */
  reveal(): { readonly username: string; readonly password: string } {
    return { username: this.#username, password: this.#password };
  }
}

export interface GivenAccess {
  readonly tls?: boolean | ConnectionOptions;
  readonly username?: string;
  readonly password?: string;
}

/** memcached reads them from a file of lines `user:password`, and separates them by a blank on the wire. */
const sayable = /^[^\s:\0]{1,250}$/;

/** @throws InvalidOptionError naming the option, never what it holds. */
export function parseAccess({ tls, username, password }: GivenAccess): ServerAccess {
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null))
    throw new InvalidOptionError(
      'tls',
      'it is neither true nor options',
      "Give true, or options of Node's tls.connect.",
    );
  return {
    tls: tls ? new TlsSettings(tls === true ? {} : tls) : undefined,
    credentials: credentialsOf(username, password),
  };
}

function credentialsOf(username: unknown, password: unknown): Credentials | undefined {
  if (username === undefined && password === undefined) return undefined;
  const remedy = 'Give both, without blanks and colons, or neither.';
  if (typeof username !== 'string' || !sayable.test(username))
    throw new InvalidOptionError(
      'username',
      username === undefined ? 'a password came alone' : 'it is no user',
      remedy,
    );
  if (typeof password !== 'string' || !sayable.test(password))
    throw new InvalidOptionError(
      'password',
      password === undefined ? 'a username came alone' : 'it is no password',
      remedy,
    );
  return new Credentials(username, password);
}

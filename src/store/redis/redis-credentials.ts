/** A user and a password that show neither in errors, nor in logs, nor in JSON. */
export class RedisCredentials {
  readonly #username: string | undefined;
  readonly #password: string | undefined;

  constructor(username?: string, password?: string) {
    this.#username = username;
    this.#password = password;
  }

  /** Hands both to the driver that logs in with them. */
  reveal(): { readonly username: string | undefined; readonly password: string | undefined } {
    return { username: this.#username, password: this.#password };
  }
}

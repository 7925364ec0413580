import { InvalidOptionError } from '../../value/errors.js';
import { installCommand } from '../../value/install-command.js';
import type { memcachedStore } from './memcached-store.js';

interface MemcachedModule {
  readonly memcachedStore: typeof memcachedStore;
}

/** The client is loaded only where a memcached is used. @throws InvalidOptionError that says what to install. */
export async function loadMemcachedStore(): Promise<MemcachedModule> {
  try {
    return await import('./memcached-store.js');
  } catch (cause) {
    if (!isMissing(cause, 'memcache-client')) throw cause;
    throw new InvalidOptionError(
      'memcachedStore',
      "it needs the package 'memcache-client', which can't be loaded",
      `Run \`${installCommand('memcache-client')}\`.`,
      { cause },
    );
  }
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' && typeof message === 'string' && message.includes(`'${name}'`);
}

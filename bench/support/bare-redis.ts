import { createClient } from '@redis/client';

/** A client of `@redis/client` without its timeouts: what it does at its fastest. */
export async function bareRedis(address: string) {
  // An explicit undefined takes the default timeout away.
  const options: object = { url: `redis://${address}`, commandOptions: { timeout: undefined } };
  const client = createClient(options);
  client.on('error', () => {});
  await client.connect();
  return client;
}

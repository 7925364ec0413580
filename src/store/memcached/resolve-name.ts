import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** The addresses that a name stands for now, in the order of the resolver. */
export type ResolveName = (host: string) => Promise<readonly string[]>;

/** As the machine is set up to do it: `/etc/hosts`, DNS. An address stands for itself. @throws the resolver's error */
export const resolveName: ResolveName = async (host) =>
  isIP(host) ? [host] : (await lookup(host, { all: true })).map(({ address }) => address);

import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { startFakeServer } from '../../support/fake-server.js';
import { patience } from '../../support/patience.js';
import { openAccess } from './open-access.js';

it('A Cluster that is closed while it is looked for connects to no further node', async () => {
  const silent = await startFakeServer(() => undefined);
  const further = await startFakeServer(() => undefined);
  try {
    const access = await openAccess('built-in', { cluster: [silent.address, further.address], ...patience });
    const connecting = expect(access.connected(0)).rejects.toThrow('it was closed');
    await eventually(() => expect(silent.accepted).toBe(1));
    access.close();
    await connecting;
    expect(further.accepted).toBe(0);
  } finally {
    await Promise.all([silent.close(), further.close()]);
  }
});

it('A Cluster that is closed while a replica is asked for the primaries leaves no connection', async () => {
  const info = 'redis_version:7.0.15\r\nrun_id:a\r\nmaster_replid:b\r\nrole:slave\r\ncluster_enabled:1\r\n';
  const replica = await startFakeServer((line) => (line === 'INFO' ? `$${info.length}\r\n${info}\r\n` : undefined));
  try {
    const access = await openAccess('built-in', { cluster: [replica.address], ...patience });
    const connecting = expect(access.connected(0)).rejects.toThrow('it was closed');
    await eventually(() => expect(replica.chunks.join('')).toContain('SLOTS'));
    access.close();
    await connecting;
    await eventually(() => expect(replica.closed).toBe(replica.accepted));
  } finally {
    await replica.close();
  }
});

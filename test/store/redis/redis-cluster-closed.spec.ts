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

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../test/support/eventually.js';
import { Configuration } from '../src/configuration/configuration.js';
import { contentTimeoutMs } from '../src/configuration/timeouts.js';
import { startExample } from './support/example-process.js';

const valid = {
  CATALOG_URL: 'http://127.0.0.1:1',
  LEDGER_URL: 'http://127.0.0.1:2/',
  JWT_SECRET: 'x'.repeat(32),
};

describe('configuration', () => {
  it('has defaults for all that can have one', () => {
    expect({ ...new Configuration(valid) }).toEqual({
      catalogUrl: 'http://127.0.0.1:1',
      ledgerUrl: 'http://127.0.0.1:2',
      jwtSecret: 'x'.repeat(32),
      port: 3000,
      httpAdapter: 'express',
      redemptionLockTtlMs: 60_000,
      redemptionLockWaitMs: 2_000,
      upstreamTimeoutMs: 5_000,
      warnings: [],
    });
  });

  it.each([
    ['the newer name', { CONTENT_METADATA_CACHE_TIMEOUT: '780' }, 780_000],
    ['the older name', { CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS: '60' }, 60_000],
    [
      'the newer name before the older',
      { CONTENT_METADATA_CACHE_TIMEOUT: '0', CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS: '60' },
      0,
    ],
    [
      'the older name when the newer is empty',
      { CONTENT_METADATA_CACHE_TIMEOUT: ' ', CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS: '60' },
      60_000,
    ],
  ])('reads the timeout of content from %s', (_name, env, expectedMs) => {
    expect(contentTimeoutMs(env)).toBe(expectedMs);
  });

  it('warns of more than six hours', () => {
    const of = (seconds: string): readonly string[] =>
      new Configuration({ ...valid, CONTENT_METADATA_CACHE_TIMEOUT: seconds }).warnings;
    expect(of('21600')).toEqual([]);
    expect(of('21601')).toEqual([expect.stringMatching(/CONTENT_METADATA_CACHE_TIMEOUT.* for 6 hours/)]);
    const older = { ...valid, CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS: '43200' };
    expect(new Configuration(older).warnings).toEqual([
      expect.stringMatching(/CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS.* for 12 hours/),
    ]);
  });

  it.each([
    ['CATALOG_URL', ''],
    ['CATALOG_URL', '127.0.0.1:8001'],
    ['LEDGER_URL', 'ftp://ledger'],
    ['JWT_SECRET', 'short'],
    ['PORT', '70000'],
    ['PORT', 'http'],
    ['HTTP_ADAPTER', 'koa'],
    ['CONTENT_METADATA_CACHE_TIMEOUT', '5m'],
    ['CONTENT_METADATA_VIEW_CACHE_TIMEOUT_SECONDS', '-1'],
    ['CONTENT_VERSION_CACHE_TIMEOUT', '1.5'],
    ['REDEMPTION_LOCK_TIMEOUT', '0'],
    ['UPSTREAM_TIMEOUT', '0'],
  ])('names %s when it is %j', (name, value) => {
    expect(() => new Configuration({ ...valid, [name]: value })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(`^${name}: `) }),
    );
  });

  it('shows no secret', () => {
    expect(() => new Configuration({ ...valid, JWT_SECRET: 'hunter2' })).toThrow(/^(?!.*hunter2)/);
  });
});

describe('the process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'enterprise-access-'));
  const env = { ...valid, PORT: '0', CACHE_DISK_PATH: folder };
  let warnings: string[] = [];

  beforeAll(async () => {
    const service = await startExample('main.ts', { env: { ...env, CONTENT_METADATA_CACHE_TIMEOUT: '86400' } });
    await eventually(() => {
      warnings = service.lines.filter((line) => line.includes('WARN'));
      expect(warnings).not.toEqual([]);
    });
    await service.stop();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('warns once, at start-up, of content that is kept for a day', () => {
    expect(warnings).toEqual([expect.stringContaining('CONTENT_METADATA_CACHE_TIMEOUT keeps content metadata')]);
  });

  it.each([
    ['CONTENT_METADATA_CACHE_TIMEOUT', 'five'],
    ['DEFAULT_CACHE_TIMEOUT', 'x'],
  ])('does not start when %s is %j, and says so in one line', async (name, value) => {
    const start = startExample('main.ts', { env: { ...env, [name]: value } });
    await expect(start).rejects.toThrow(new RegExp(`ended \\(1\\) before it was ready:\\n${name}: '${value}'.*$`));
  });

  it('does not start on a port that is taken, and names the variable', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      const start = startExample('main.ts', { env: { ...env, PORT: `${port}` } });
      await expect(start).rejects.toThrow(
        new RegExp(`before it was ready:\\n(?:.*\\n)?PORT: ${port} is in use\\. .*$`),
      );
    } finally {
      taken.close();
    }
  });
});

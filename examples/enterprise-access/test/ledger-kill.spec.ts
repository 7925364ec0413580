import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.js';
import { everything } from '../src/seed/customers.js';
import { auditFile } from '../src/upstream/ledger/audit-file.js';
import { request, startExample } from './support/example-process.js';
import type { ExampleProcess } from './support/example-process.js';

const kills = process.env['ENDURANCE'] ? 50 : 5;
const writers = 8;
const priceCents = 100;

describe('the ledger under SIGKILL', () => {
  it(`loses no acknowledged transaction and doubles none in ${kills} kills under load`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-kill-'));
    const env = { LEDGER_FILE: join(folder, 'ledger.db'), LEDGER_DELAY_MS: '0' };
    const start = (): Promise<ExampleProcess> => startExample('upstream/ledger/main.ts', { env });
    let upstream = await start();
    const policy = randomUUID();
    const limitCents = 1_000_000 * priceCents;
    await request('POST', `${upstream.address}/admin/policies/`, {
      body: {
        ...{ uuid: policy, name: 'killed', customerUuid: everything.customerUuid, catalogUuid: everything.uuid },
        ...{ active: true, spendLimitCents: limitCents, perLearnerLimitCents: null },
      },
    });

    const acknowledged = new Map<string, string>();
    const doubled: string[] = [];
    let ambiguous = 0;
    let ended = false;
    // Each writer repeats a wish under the same key until it is acknowledged, as a client that lost the reply does.
    const write = async (writer: number): Promise<void> => {
      for (let wish = 0; !ended; wish++) {
        const key = `${writer}:${wish}`;
        while (!acknowledged.has(key)) {
          const body = {
            ...{ idempotency_key: key, lms_user_id: writer + 1, content_key: `edX+C${wish}`, quantity: -priceCents },
            fence: { resource: `${policy}:${writer}`, token: wish + 1 },
          };
          const url = `${upstream.address}/api/v1/policies/${policy}/transactions/`;
          const reply = await request('POST', url, { body }).catch(() => undefined);
          if (!reply) {
            ambiguous++;
            await sleep(20);
            if (ended) return;
          } else if (reply.status === 201 || reply.status === 200) {
            const { uuid } = reply.body as { uuid: string };
            acknowledged.set(key, uuid);
            const repeated = await request('POST', url, { body }).catch(() => undefined);
            if (repeated && (repeated.body as { uuid: string }).uuid !== uuid) doubled.push(key);
          } else throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`);
        }
      }
    };
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    for (let kill = 0; kill < kills; kill++) {
      // At a random phase of a ledger that is at work.
      const before = acknowledged.size;
      await Promise.race([eventually(() => expect(acknowledged.size).toBeGreaterThan(before + 5)), writing]);
      await sleep((kill * 37) % 50);
      await upstream.kill();
      upstream = await start();
    }
    await sleep(100);
    ended = true;
    await writing;

    const { body } = await request('GET', `${upstream.address}/api/v1/policies/${policy}/transactions/`);
    const { results } = body as { results: { idempotency_key: string; uuid: string }[] };
    const stored = new Map(results.map(({ idempotency_key, uuid }) => [idempotency_key, uuid]));
    const lost = [...acknowledged].filter(([key, uuid]) => stored.get(key) !== uuid);
    await upstream.kill();
    const report = await auditFile(env.LEDGER_FILE);
    rmSync(folder, { recursive: true });

    console.log(`${kills} kills: ${acknowledged.size} acknowledged, ${ambiguous} replies lost, ${stored.size} stored`);
    expect({ lost, doubled, violations: report.violations }).toEqual({ lost: [], doubled: [], violations: [] });
    expect(results).toHaveLength(stored.size);
    expect(acknowledged.size).toBeGreaterThan(kills);
    expect(ambiguous).toBeGreaterThan(0);
    expect(report.spent_cents).toBe(stored.size * priceCents);
  });
});

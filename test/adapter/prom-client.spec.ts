import { readFile } from 'node:fs/promises';
import { Counter, Registry, register } from 'prom-client';
import type { OpenMetricsContentType } from 'prom-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { collectCacheMetrics } from '../../src/adapter/prometheus-metrics.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { channels } from '../../src/value/events.js';
import { buildCache } from '../support/build-cache.js';
import { beBusy, person, secret } from './support/busy-cache.js';

describe('Metrics for Prometheus', () => {
  let stop: () => void = () => {};
  afterEach(() => stop());

  /** `name{labels}` with its value, without the buckets. */
  const samplesOf = async (registry: Registry): Promise<Record<string, number>> => {
    const lines = (await registry.metrics()).matchAll(/^(tiered_cache\S+) (\S+)$/gm);
    const samples = [...lines].map(([, name = '', value]): [string, number] => [name, Number(value)]);
    return Object.fromEntries(samples.filter(([name]) => !/_bucket|_sum/.test(name)));
  };

  it('count what happened, by cache, tier, reason and kind', async () => {
    const registry = new Registry();
    stop = collectCacheMetrics({ registry });
    await beBusy('metrics');
    expect(await samplesOf(registry)).toMatchObject({
      'tiered_cache_hits_total{cache="metrics",tier="process",freshness="fresh"}': 1,
      'tiered_cache_load_duration_seconds_count{cache="metrics",outcome="loaded"}': 5,
      'tiered_cache_load_duration_seconds_count{cache="metrics",outcome="failed"}': 1,
      'tiered_cache_loads_joined_total{cache="metrics"}': 1,
      'tiered_cache_invalidations_total{cache="metrics",origin="local"}': 1,
      'tiered_cache_locks_released_total{outcome="released"}': 1,
      tiered_cache_lock_wait_seconds_count: 1,
      'tiered_cache_misses_total{cache="metrics",reason="unavailable"}': 1,
      'tiered_cache_faults_total{kind="unavailable"}': expect.any(Number),
    });
  });

  it('are told in the OpenMetrics format by a registry of it', async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    stop = collectCacheMetrics({ registry });
    await beBusy('metrics');
    expect(await registry.metrics()).toMatch(/^tiered_cache_loads_joined_total\{cache="metrics"\} 1$/m);
  });

  it('have no key and no value in a label, whatever happens', async () => {
    const registry = new Registry();
    stop = collectCacheMetrics({ registry });
    await beBusy('metrics');
    const text = await registry.metrics();
    const labels = new Set([...text.matchAll(/(\w+)="/g)].map(([, label]) => label));
    expect([...labels].sort()).toEqual(['cache', 'freshness', 'kind', 'le', 'origin', 'outcome', 'reason', 'tier']);
    expect([text.includes(secret), text.includes(person), text.includes('account')]).toEqual([false, false, false]);
  });

  it('are one series for gaps of any size', async () => {
    const registry = new Registry();
    stop = collectCacheMetrics({ registry });
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    const coherence = { interval: 1_000, maxBehindBytes: 65_536 };
    const [here, there] = [
      await buildCache({ name: 'here', store, clock, coherence }),
      await buildCache({ name: 'there', store, clock, coherence }),
    ];
    for (const count of [1_000, 1_500]) {
      const keys = Array.from({ length: count }, (_, index) => `row${index}`.padEnd(100, '.'));
      await here.deleteMany(keys);
      await clock.advanceTo(clock.now() + 1_000, () => new Promise((resolve) => setImmediate(resolve)));
    }
    await Promise.all([here.close(), there.close()]);
    expect((await registry.metrics()).match(/^.*near_clears.*there.*$/gm)).toEqual([
      'tiered_cache_near_clears_total{cache="there",reason="too far behind"} 2',
    ]);
  });

  it('stop, leave the registry, and can be collected again; nothing is measured without them', async () => {
    const registry = new Registry();
    // The channels are the process's: another spec of this worker may have left a listener.
    const listening = (): string[] => Object.keys(channels).filter((name) => channels[name as 'hit'].hasSubscribers);
    const before = listening();
    stop = collectCacheMetrics({ registry, prefix: 'shop_cache_' });
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toContain('shop_cache_hits_total');
    expect(listening()).toEqual(expect.arrayContaining(['hit', 'miss', 'loadFinished', 'fault']));
    stop();
    expect(registry.getMetricsAsArray()).toEqual([]);
    expect(listening()).toEqual(before);
    stop = collectCacheMetrics({ registry });
    expect(() => collectCacheMetrics({ registry })).toThrow('already been registered');
  });

  it('are all in the table of the recipes, with their labels', async () => {
    const registry = new Registry();
    stop = collectCacheMetrics({ registry });
    const recipes = await readFile('docs/nest-recipes.md', 'utf8');
    const rows = [...recipes.matchAll(/^\| (`\w+_(?:total|seconds)`.*?)\| (.*?) *\|$/gm)];
    const told = rows.flatMap(([, names = '', labels = '']) => {
      const each = labels.split('; ');
      return [...names.matchAll(/`(\w+)`/g)].map(([, name], index) => `${name} ${each[index] ?? labels}`.trim());
    });
    const metrics = registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
    const kept = metrics.map(({ name, labelNames }) => `${name.replace('tiered_cache_', '')} ${labelNames.join(', ')}`);
    expect(told.sort()).toEqual(kept.map((one) => one.trim()).sort());
  });

  it('go to the global registry unless told otherwise', () => {
    stop = collectCacheMetrics();
    expect(register.getSingleMetric('tiered_cache_hits_total')).toBeInstanceOf(Counter);
  });
});

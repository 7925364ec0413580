import { openEnvelope } from '../../codec/envelope.js';
import type { Envelope } from '../../codec/envelope.js';
import { freshnessAt } from '../../value/entry.js';
import { StoreUnavailableError, UndecodableError } from '../../value/errors.js';
import { table } from '../table.js';
import { keyFrom, openCache } from '../open-cache.js';
import type { OpenedCache } from '../open-cache.js';
import type { Command, Output } from '../command.js';
import { UsageError } from '../usage-error.js';

/** `stats` */
export const statsCommand: Command = onCache(async ({ store, json }, { out }) => {
  const shards = await Promise.all(
    store.shards.map(async (shard) => {
      try {
        await shard.readMany(['~']);
        return { shard: shard.name, answers: true, facts: (await shard.stats?.()) ?? {} };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        return { shard: shard.name, answers: false, facts: {} };
      }
    }),
  );
  const flat = shards.map(({ facts, ...state }) => ({ ...state, ...facts }));
  if (json) out(`${JSON.stringify({ store: store.name, shards: flat })}\n`);
  else out(table(flat.map(({ answers, ...row }) => ({ ...row, answers: answers ? 'answers' : 'does not answer' }))));
  return shards.every(({ answers }) => answers) ? 0 : 1;
});

/** `get KEY [--show-values]` */
export const getCommand: Command = onCache(async ({ cache, store, positionals, json, showValues }, { out, err }) => {
  const key = keyFrom(positionals);
  const storeKey = cache.storeKey(key);
  const [item] = await store.shardOf(storeKey).readMany([storeKey]);
  if (!item || item.bytes.length === 0) {
    err(`${storeKey}: ${item ? 'being loaded' : 'absent'}\n`);
    return 1;
  }
  let entry: Envelope;
  try {
    entry = openEnvelope(storeKey, item.bytes);
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    err(`${storeKey}: ${item.bytes.length} bytes that are no entry of this key. ${error.message}\n`);
    return 1;
  }
  const facts = {
    key: storeKey,
    freshness: freshnessAt(entry, Date.now()) ?? 'expired',
    created: shown(entry.createdAt),
    freshUntil: shown(entry.freshUntil),
    staleUntil: shown(entry.staleUntil),
    codec: entry.codec,
    bytes: entry.payload.length,
    loadCostMs: entry.loadCostMs,
    version: entry.version,
    tags: entry.tags.map(({ tag }) => tag).join(', ') || undefined,
    value: showValues ? printable(entry) : '[masked]',
  };
  out(json ? `${JSON.stringify(facts)}\n` : lines(facts));
  return 0;
});

/** `explain KEY` */
export const explainCommand: Command = onCache(async ({ cache, positionals, json }, { out }) => {
  const explanation = await cache.explain(keyFrom(positionals));
  if (json) {
    out(`${JSON.stringify(explanation)}\n`);
    return 0;
  }
  const { tiers, ...facts } = explanation;
  out(lines(facts));
  for (const { tier, hit, ...known } of tiers) out(`${tier}  ${hit ? 'hit' : 'miss'}\n${lines(known)}`);
  return tiers.some(({ hit }) => hit) ? 0 : 1;
});

/** `delete KEY` */
export const deleteCommand: Command = onCache(async ({ cache, positionals }, { out, err }) => {
  const key = keyFrom(positionals);
  if (await cache.delete(key)) {
    out(`${cache.storeKey(key)}: gone, and every process was told.\n`);
    return 0;
  }
  err(`${cache.storeKey(key)}: the store did not acknowledge. Try again when it can be reached.\n`);
  return 1;
});

/** `clear --yes` */
export const clearCommand: Command = onCache(async ({ cache, positionals, yes }, { out }) => {
  if (positionals.length > 0) throw new UsageError('clear takes no key');
  if (!yes) throw new UsageError('clear makes every entry of the namespace unreachable: say --yes');
  await cache.dangerouslyClear();
  out('Cleared: every entry of the namespace is unreachable.\n');
  return 0;
});

function onCache(run: (opened: OpenedCache, output: Output) => Promise<number>): Command {
  return async (args, output) => {
    const opened = await openCache(args);
    try {
      return await run(opened, output);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      output.err(`tiered-cache: ${error.message}\n`);
      return 1;
    } finally {
      await opened.cache.close();
    }
  };
}

function lines(facts: object): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known
    .map(
      ([name, value]) =>
        `  ${name.padEnd(width)}  ${typeof value === 'object' ? JSON.stringify(value) : String(value)}\n`,
    )
    .join('');
}

function shown(instant: number): string {
  return instant === Infinity ? 'until invalidated' : new Date(instant).toISOString();
}

function printable({ codec, payload }: Envelope): string {
  return codec.startsWith('json') || codec === 'text' ? payload.toString('utf8') : payload.toString('hex');
}

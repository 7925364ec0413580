import { listOfVersions } from '../../coherence/coherence.js';
import { openEnvelope } from '../../codec/envelope.js';
import type { Envelope } from '../../codec/envelope.js';
import type { TierExplanation } from '../../cache/explanation.js';
import { StoreUnavailableError, UndecodableError } from '../../value/errors.js';
import { readArguments } from '../arguments.js';
import { keyFrom } from '../key-argument.js';
import { lines, table, widthOf } from '../table.js';
import { keyOptions, keySpaceOf, namespaceIn, withCache, withStore } from '../open-cache.js';
import type { Command } from '../command.js';
import { hint, nothingThere, numberedThere, oneKey } from './nothing-there.js';

const json = { json: { type: 'boolean' } } as const;

export const statsCommand: Command = {
  usage: 'stats',
  summary: 'which parts of the store answer, their entries, bytes, evictions, hits and misses',
  details: ['--json  prints JSON', 'Exit code 1: a part does not answer.'],
  run: (args, { out, err }) => {
    const read = readArguments(
      args,
      { ...keyOptions, ...json },
      { min: 0, max: 0, what: 'no argument: stats takes options only' },
    );
    const namespace = namespaceIn(read);
    // What the application asks for, where it is known: its user may be allowed nothing else.
    const asked = namespace === undefined ? '~' : listOfVersions(namespace);
    return withStore(read, async (store) => {
      const shards = await Promise.all(
        store.shards.map(async (shard) => {
          try {
            await shard.readMany([asked]);
            return { shard: shard.name, answers: true, facts: (await shard.stats?.()) ?? {} };
          } catch (error) {
            if (!(error instanceof StoreUnavailableError)) throw error;
            err(`${error.message}\n`);
            return { shard: shard.name, answers: false, reason: error.message, facts: {} };
          }
        }),
      );
      const flat = shards.map(({ facts, ...state }) => ({ ...state, ...facts }));
      if (read.values['json']) out(`${JSON.stringify({ store: store.name, shards: flat })}\n`);
      else
        out(
          table(
            flat.map(({ answers, reason: _, ...row }) => ({
              ...row,
              answers: answers ? 'answers' : 'does not answer',
            })),
          ),
        );
      return shards.every(({ answers }) => answers) ? 0 : 1;
    });
  },
};

export const getCommand: Command = {
  usage: 'get KEY',
  summary: 'whether the application would be given an entry, its life, size and codec; the value is masked',
  details: [
    '--show-values  prints the value (json and text codecs as they are, others in hexadecimal)',
    '--json         prints JSON',
    'Exit code 1: there is none, or what is there would not be served: it was invalidated, or its life is over.',
  ],
  run: (args, { out, err }) => {
    const read = readArguments(args, { ...keyOptions, ...json, 'show-values': { type: 'boolean' } }, oneKey);
    const text = read.positionals[0] ?? '';
    const key = keyFrom(text, keySpaceOf(read));
    return withCache(read, async (cache, opened) => {
      const { storeKey, shard } = opened.find(key);
      // What a look-up would be told: that it was invalidated stands beside the entry, not in it.
      const told = (await cache.explain(key)).tiers.at(-1);
      const [item] = await shard.readMany([storeKey]);
      if (!item || item.bytes.length === 0) {
        err(item ? `${storeKey}: being loaded\n` : `${await nothingThere(text, opened)}${await hint(opened)}`);
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
        key: cache.nameOf(key),
        storeKey,
        ...(told?.hit === true ? { freshness: told.freshness } : { notServed: told?.reason ?? 'absent' }),
        created: shown(entry.createdAt),
        freshUntil: shown(entry.freshUntil),
        staleUntil: shown(entry.staleUntil),
        codec: entry.codec,
        bytes: entry.payloadBytes,
        loadCostMs: entry.loadCostMs,
        version: entry.version,
        tags: entry.tags.map(({ tag }) => tag).join(', ') || undefined,
        value: read.values['show-values'] ? printable(entry) : '[masked]',
      };
      out(read.values['json'] ? `${JSON.stringify(facts)}\n` : lines(facts));
      return told?.hit === true ? 0 : 1;
    });
  },
};

export const explainCommand: Command = {
  usage: 'explain KEY',
  summary: 'tier by tier: hit or miss and why, age, what is left',
  details: ['--json  prints JSON', 'Exit code 1: no tier has it.'],
  run: (args, { out, err }) => {
    const read = readArguments(args, { ...keyOptions, ...json }, oneKey);
    const text = read.positionals[0] ?? '';
    const key = keyFrom(text, keySpaceOf(read));
    return withCache(read, async (cache, opened) => {
      const { tiers: told, ...facts } = await cache.explain(key);
      const tiers = told.map(withoutInfinity);
      const found = tiers.some(({ hit }) => hit);
      if (read.values['json']) out(`${JSON.stringify({ ...facts, tiers })}\n`);
      else {
        const width = widthOf(facts, ...tiers);
        out(lines(facts, width));
        for (const { tier, hit, ...known } of tiers) out(`${tier}  ${hit ? 'hit' : 'miss'}\n${lines(known, width)}`);
      }
      if (!found) err(`${await numberedThere(text, opened)}${await hint(opened)}`);
      return found ? 0 : 1;
    });
  },
};

const noEnd = 'until invalidated';

function shown(instant: number): string {
  return instant === Infinity ? noEnd : new Date(instant).toISOString();
}

/** In JSON it would be `null`. */
function withoutInfinity(tier: TierExplanation) {
  const left = (ms: number | undefined): number | string | undefined => (ms === Infinity ? noEnd : ms);
  return { ...tier, freshForMs: left(tier.freshForMs), servableForMs: left(tier.servableForMs) };
}

function printable({ codec, payload }: Envelope): string {
  return codec.startsWith('json') || codec === 'text' ? payload.toString('utf8') : payload.toString('hex');
}

import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';

/** How a look at a key that holds `sealed` values came out. */
export type Look =
  { readonly found: 'absent' } | { readonly found: 'garbage' } | { readonly found: 'value'; readonly text: string };

export function sealed(storeKey: string, text: string): Buffer {
  const forever = { createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, loadCostMs: 0, generation: 0, tags: [] };
  return sealEnvelope(storeKey, { ...forever, codec: 'text' }, Buffer.from(text));
}

export function look(storeKey: string, bytes: Buffer | undefined): Look {
  if (!bytes) return { found: 'absent' };
  try {
    return { found: 'value', text: openEnvelope(storeKey, bytes).payload.toString() };
  } catch {
    return { found: 'garbage' };
  }
}

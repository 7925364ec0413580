import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { defineKey, versionedKey } from 'nestjs-tiered-cache';

/** Building a key of two parameters against a template string; then both looked up in a Map. `npx tsx bench/key-class.ts` */
const metadata = defineKey('content_metadata:{customerUuid}:{contentKey}', {});
const pairs = Array.from({ length: 512 }, (_, index) => [randomUUID(), `course-v1_edX_${index}`] as const);
const map = new Map<string, number>();
let sink: unknown;

const template = time((customer, content) => `content_metadata:${customer}:${content}`);
const keyClass = time((customerUuid, contentKey) => metadata({ customerUuid, contentKey }));
const templateFound = time((customer, content) => map.get(`content_metadata:${customer}:${content}`));
const keyClassFound = time((customerUuid, contentKey) => map.get(metadata({ customerUuid, contentKey }).id));
const versionedFound = time((customer, content) => map.get(versionedKey('content_metadata', customer, content).id));

console.log(`built: template ${ns(template)}, key class ${ns(keyClass)} (${(keyClass / template).toFixed(1)}×)`);
console.log(
  `built and looked up: template ${ns(templateFound)}, key class ${ns(keyClassFound)} ` +
    `(${(keyClassFound / templateFound).toFixed(1)}×), versionedKey ${ns(versionedFound)}`,
);
if (sink === map) console.log('never: keeps the results alive');

function time(build: (one: string, other: string) => unknown): number {
  const runs = 20_000; // short rounds, so that the best of them had the processor to itself
  let best = Infinity;
  for (let round = 0; round < 300; round++) {
    const startedAt = performance.now();
    for (let count = 0; count < runs; count++) {
      const [one, other] = pairs[count & 511] as readonly [string, string];
      sink = build(one, other);
    }
    best = Math.min(best, ((performance.now() - startedAt) / runs) * 1e6);
  }
  return best;
}

function ns(value: number): string {
  return `${value.toFixed(0)} ns`;
}

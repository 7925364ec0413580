import { describe, expect, it } from '@jest/globals';
import {
  History,
  neverGoesBack,
  neverOlderThanAcknowledged,
  nothingGivenUp,
  oneLoadAtATime,
} from '../../../src/testing/simulation.js';
import type { Check } from '../../../src/testing/simulation.js';

/** A history that a test writes itself. */
class Written {
  atMs = 0;
  readonly history = new History(() => this.atMs);

  read(process: string, version: number, began = this.history.moment()): void {
    this.history.read(process, 'row', version, began);
  }

  load(process: string, cache?: string): { end(): void } {
    const load: History['loads'][number] = { process, cache, key: 'row', began: this.history.moment() };
    this.history.loads.push(load);
    return { end: () => Object.assign(load, { ended: this.history.moment() }) };
  }

  wrong(check: Check): readonly string[] {
    return check.violations(this.history) ?? [];
  }
}

describe('never older than acknowledged', () => {
  const check = neverOlderThanAcknowledged({ within: 1_000 });

  it('asks it of the process that was told at once, of the others after the bound, and of reads that began before of nobody', () => {
    const written = new Written();
    const early = written.history.moment();
    written.history.acknowledge('P0', 'row', 2);
    written.read('P0', 1, early);
    written.read('P1', 1);
    expect(written.wrong(check)).toEqual([]);
    written.read('P0', 1);
    expect(written.wrong(check)).toEqual(['P0 was given row 1, though 2 was acknowledged before it asked']);
    written.atMs = 1_000;
    written.read('P1', 1);
    expect(written.wrong(check)).toHaveLength(1);
    written.atMs = 1_001;
    written.read('P1', 2);
    expect(written.wrong(check)).toHaveLength(1);
    written.read('P1', 1);
    expect(written.wrong(check)).toHaveLength(2);
  });
});

describe('never goes back', () => {
  it('asks it of reads of one process, one after the other, as long as nothing has gone wrong', () => {
    const written = new Written();
    const early = written.history.moment();
    written.read('P0', 2);
    written.read('P1', 1);
    written.read('P0', 1, early);
    expect(written.wrong(neverGoesBack())).toEqual([]);
    written.read('P0', 1);
    expect(written.wrong(neverGoesBack())).toEqual(['P0 was given row 1, though it had been given 2 before']);
    written.history.fault('crashes', 'P0');
    written.read('P0', 1);
    expect(written.wrong(neverGoesBack())).toHaveLength(1);
    expect(written.wrong(neverGoesBack({ withFaults: true }))).toHaveLength(2);
  });

  it('asks it of no version that a refused load may have brought', () => {
    const written = new Written();
    const began = written.history.moment();
    const refusal = { cache: 'prices', key: 'row', reason: 'lease-lost', ...written.history.moment() };
    written.read('P0', 2, began);
    written.read('P0', 1);
    written.history.refusals.push({ process: 'P1', ...refusal });
    expect(written.wrong(neverGoesBack())).toHaveLength(1);
    written.history.refusals.push({ process: 'P0', ...refusal });
    expect(written.wrong(neverGoesBack())).toEqual([]);
    written.read('P0', 2);
    written.read('P0', 1);
    expect(written.wrong(neverGoesBack())).toHaveLength(1);
  });
});

describe('one load at a time', () => {
  it('counts loads of one key that overlap, and that nothing was written between', () => {
    const written = new Written();
    written.load('P0').end();
    const slow = written.load('P1');
    expect(written.wrong(oneLoadAtATime())).toEqual([]);
    written.load('P0').end();
    expect(written.wrong(oneLoadAtATime())).toEqual(['P0 and P1 load row at once']);
    written.history.invalidated.push({ key: 'row', ...written.history.moment() });
    written.load('P0').end();
    expect(written.wrong(oneLoadAtATime())).toHaveLength(1);
    slow.end();
  });

  it('lets pass what an operation explains that invalidates something, and is told of at its end', () => {
    const written = new Written();
    const began = written.history.moment();
    written.load('P0');
    written.load('P1');
    const { calls, invalidated } = written.history;
    calls.push({ operation: 'close', process: 'P0', kind: 'does', began, ended: written.history.moment() });
    expect(written.wrong(oneLoadAtATime())).toHaveLength(1);
    invalidated.push({ key: 'row', ...written.history.moment() });
    expect(written.wrong(oneLoadAtATime())).toHaveLength(1);
    calls.push({ operation: 'close', process: 'P0', kind: 'does', began, ended: written.history.moment() });
    expect(written.wrong(oneLoadAtATime())).toEqual([]);
  });

  it('asks it of caches of one name, in one process and in all', () => {
    const written = new Written();
    written.load('P0');
    written.load('P0', 'prices');
    written.load('P1', 'stock');
    expect(written.wrong(oneLoadAtATime())).toEqual([]);
    written.load('P1', 'prices');
    written.load('P1', 'stock');
    expect(written.wrong(oneLoadAtATime())).toEqual(['P1 and P0 load row at once', 'P1 and P1 load row at once']);
  });

  it('and lets pass what a write that is under way explains, and what follows a fault', () => {
    const written = new Written();
    const began = written.history.moment();
    written.history.calls.push({ operation: 'rename', process: 'P0', kind: 'writes', began });
    written.load('P0');
    written.load('P1');
    expect(written.wrong(oneLoadAtATime())).toEqual([]);
    written.history.calls.pop();
    expect(written.wrong(oneLoadAtATime())).toHaveLength(1);
    written.history.fault('one is lost');
    written.load('P1');
    expect(written.wrong(oneLoadAtATime())).toHaveLength(1);
  });
});

describe('nothing given up', () => {
  it('asks it as long as nothing has gone wrong', () => {
    const written = new Written();
    const giveUp = () => written.history.givenUp.push({ key: 'row', reason: 'closed', ...written.history.moment() });
    expect(written.wrong(nothingGivenUp())).toEqual([]);
    giveUp();
    written.history.fault('the store is away');
    giveUp();
    expect(written.wrong(nothingGivenUp())).toEqual(['a write of row was given up: closed']);
  });
});

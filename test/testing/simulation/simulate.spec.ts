import { describe, expect, it } from '@jest/globals';
import {
  neverGoesBack,
  neverOlderThanAcknowledged,
  oneLoadAtATime,
  SimulatedTable,
  simulate,
} from '../../../src/testing/simulation.js';
import type { SimulatedProcess, Simulation } from '../../../src/testing/simulation.js';

type Plain = Simulation<SimulatedTable, SimulatedProcess>;
const plain: Plain = {
  shared: () => new SimulatedTable(),
  start: (process) => process,
  operations: {
    find: {
      reads: async ({ process, shared }) => ({
        row: await process.cache.getOrSet('row', () => shared.read(process, 'row'), { ttl: '1h' }),
      }),
    },
  },
  holds: [neverGoesBack()],
  seeds: 10,
  turns: 150,
};
const does = (work: (process: SimulatedProcess) => Promise<unknown>): Plain => ({
  ...plain,
  operations: { work: { does: ({ process }) => work(process) } },
});

describe('a simulation', () => {
  it('says what was done in all stories together', async () => {
    const { stories, resolved, reads, faults, acknowledged } = await simulate({ ...plain, faults: false });
    expect({ stories, acknowledged, faults }).toEqual({ stories: 10, acknowledged: 0, faults: 0 });
    expect(resolved['find']).toBe(reads);
    expect(reads).toBeGreaterThan(60);
  });

  it('refuses misspelt options, those of faults, operations and checks included', async () => {
    const misspelt = (further: object): Promise<unknown> => simulate({ ...plain, ...further });
    await expect(misspelt({ faults: { crush: 1 } })).rejects.toThrow('Did you mean faults.crash?');
    const operations = { find: { ...plain.operations['find'], wait: 2 } };
    await expect(misspelt({ operations })).rejects.toThrow('The operation find has no such option');
    expect(() => neverGoesBack({ withFault: true } as object)).toThrow('Did you mean withFaults?');
    expect(() => neverOlderThanAcknowledged({ withn: '6s' } as never)).toThrow('Did you mean within?');
  });

  it('refuses a service that takes chance from elsewhere, and shows the first line that differs', async () => {
    let told = 0;
    const error = simulate(does((process) => process.step(`has been told ${++told} times`)));
    await expect(error).rejects.toMatchObject({
      code: 'UNREPEATABLE_HISTORY',
      seed: 1,
      message: expect.stringMatching(/“.* has been told \d+ times”, then “.* has been told \d+ times”/) as unknown,
    });
  });

  it('tells the first story anew where what is loaded once in a process takes time in it alone', async () => {
    let isLoaded = false;
    const start = async (process: SimulatedProcess): Promise<SimulatedProcess> => {
      if (!isLoaded) await process.step('loads its platform');
      isLoaded = true;
      return process;
    };
    expect((await simulate({ ...plain, start })).stories).toBe(10);
  });

  it('finds an operation that never comes back', async () => {
    const error = simulate(does(() => new Promise(() => {})));
    await expect(error).rejects.toMatchObject({
      code: 'BROKEN_HISTORY',
      violations: [expect.stringMatching(/^work of P\d never came back$/)] as unknown,
    });
  });

  it('refuses an operation that always rejects: it would prove nothing', async () => {
    const error = simulate(does(async () => Promise.reject(new Error('no such table'))));
    await expect(error).rejects.toThrow('The operation work never resolved. Its last error: Error: no such table');
  });

  it('refuses a service whose start waits for what the simulation does not give', async () => {
    const error = simulate({ ...plain, start: () => new Promise<SimulatedProcess>(() => {}) });
    await expect(error).rejects.toThrow('The start of a service does not come back');
  });

  it('waits for a start that asks its store, and ends what was started', async () => {
    const open = new Set<string>();
    const start = async (process: SimulatedProcess): Promise<SimulatedProcess> => {
      await process.store.open();
      expect(await process.store.shardOf('a').readMany(['a'])).toEqual([undefined]);
      open.add(process.name);
      return process;
    };
    await simulate({ ...plain, seeds: 2, start, stop: async ({ name }) => open.delete(name) });
    expect(open.size).toBe(0);
  });

  it('loads a cold key once for all processes; where each refreshes what it misses, loads meet', async () => {
    await simulate({ ...plain, holds: [oneLoadAtATime()], seeds: 30 });
    const hasty: Plain = {
      ...plain,
      operations: {
        find: {
          reads: async ({ process, shared }) => {
            const load = (): Promise<number> => shared.read(process, 'row');
            const found = await process.cache.get<number>('row');
            return { row: found ?? (await process.cache.refresh('row', load, { ttl: '1h' })) };
          },
        },
      },
      holds: [oneLoadAtATime()],
      seeds: 30,
    };
    await expect(simulate(hasty)).rejects.toMatchObject({ violations: [expect.stringContaining('load row at once')] });
  });

  it('is judged by what its own processes do, while another one is told in this process', async () => {
    const judged = (): Promise<{ readonly stories: number }> => simulate({ ...plain, holds: [oneLoadAtATime()] });
    const told = await Promise.all([judged(), judged()]);
    expect(told.map(({ stories }) => stories)).toEqual([10, 10]);
  });

  it.each<[string, object]>([
    ['seeds', { seeds: [] }],
    ['seeds', { seeds: 0 }],
    ['processes', { processes: 1.5 }],
    ['turns', { turns: 0 }],
    ['operations', { operations: {} }],
    ['holds', { holds: [] }],
    ['procesess', { procesess: 3 }],
  ])('names the option %s where it is wrong', async (option, given) => {
    await expect(simulate({ ...plain, ...given })).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
  });
});

describe('locks in a simulation', () => {
  it('let one process at a time into a section, and another one after a crash', async () => {
    const inside = new Map<SimulatedTable, string>();
    const entered: Plain = {
      ...plain,
      operations: {
        work: {
          does: ({ process, shared, history }) =>
            process.lock.using('job', { ttl: '3s', wait: '20s' }, async () => {
              if (inside.has(shared)) history.line('fact', process.name, 'is not alone');
              inside.set(shared, process.name);
              await process.step('works');
              inside.delete(shared);
            }),
        },
      },
      holds: [
        {
          name: 'alone',
          violations: ({ lines }) => lines.filter(({ text }) => text === 'is not alone').map(({ text }) => text),
        },
      ],
      faults: { crash: 0 },
    };
    const { resolved } = await simulate(entered);
    expect(resolved['work']).toBeGreaterThan(30);
  });
});

import { describe, it } from '@jest/globals';

type Work = () => Promise<void> | void;
interface Runner {
  describe(name: string, body: () => void): void;
  it(name: string, work: Work): void;
}

/**
 * Jest's `describe` and `it` for contract suites. The tests of all groups with these names begin with the first of them, and each reports
 * its own outcome: they wait for clocks most of the time, and work on keys of their own.
 */
export function waitingAtOnce(...names: readonly string[]): Runner {
  const together: (() => Promise<void>)[] = [];
  let group: (() => Promise<void>)[] | undefined;
  return {
    describe: (name, body) =>
      void describe(name, () => {
        const outer = group;
        if (names.includes(name)) group = together;
        body();
        group = outer;
      }),
    it: (name, work) => {
      if (!group) return void it(name, work);
      const begun = group;
      let outcome: Promise<void> | undefined;
      const begin = (): Promise<void> => {
        outcome ??= Promise.resolve(work());
        outcome.catch(() => {}); // told by its own test
        return outcome;
      };
      begun.push(begin);
      it(name, () => {
        for (const other of begun) void other();
        return begin();
      });
    },
  };
}

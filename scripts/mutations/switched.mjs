// All mutants of a file in one text, so that it is compiled and loaded once: which of them is there is asked while it runs.

/**
 * What stands at the head of the text. In Jest, scripts/mutations/ask-spec.mjs gives the object; a process that a test starts reads from its
 * environment which mutant is on, and writes down which ones it came by.
 */
const head = `const __on = (globalThis.__mutation ??= (({ MUTANT, MUTANTS_SEEN }) => {
  const active = Number(MUTANT), seen = new Set();
  const { appendFileSync } = process.getBuiltinModule('node:fs');
  return { isOn(number) {
    if (MUTANTS_SEEN && !seen.has(number)) appendFileSync(MUTANTS_SEEN, seen.add(number) && number + '\\n');
    return number === active;
  } };
})(process.env)).isOn;`.replaceAll(/\n\s*/g, ' ');

const isStatement = ({ kind }) => kind === 'statement' || kind === 'return';

/** @param mutants of this source, each with the `number` that it is asked for by. Lines keep their numbers. */
export function switched(source, mutants) {
  if (mutants.length === 0) return source;
  const places = new Map();
  for (const mutant of mutants) {
    const name = mutant.within.join();
    places.set(name, [...(places.get(name) ?? []), mutant]);
  }
  // Outer ones first: what stands within them is rendered with them.
  const sorted = [...places.values()].sort(([{ within: a }], [{ within: b }]) => a[0] - b[0] || b[1] - a[1]);
  return `${head} ${rendered(source, 0, source.length, sorted)}`;
}

function rendered(source, from, to, places) {
  let text = '';
  let at = from;
  while (places.length > 0 && places[0][0].within[1] <= to) {
    const mutants = places.shift();
    const [start, end] = mutants[0].within;
    const inner = [];
    while (places.length > 0 && places[0][0].within[0] < end) inner.push(places.shift());
    text += source.slice(at, start) + choice(source, mutants, rendered(source, start, end, inner));
    at = end;
  }
  return text + source.slice(at, to);
}

function choice(source, mutants, unchanged) {
  const changed = ({ within: [start, end], from, to, text }) =>
    source.slice(start, from) + text + source.slice(to, end);
  if (isStatement(mutants[0])) {
    const cases = mutants.map((mutant) => `if (__on(${mutant.number})) { ${changed(mutant)} } else `);
    return `{ ${cases.join('')}{ ${unchanged} } }`;
  }
  const cases = mutants.map((mutant) => `__on(${mutant.number}) ? (${changed(mutant)}) : `);
  return `(${cases.join('')}(${unchanged}))`;
}

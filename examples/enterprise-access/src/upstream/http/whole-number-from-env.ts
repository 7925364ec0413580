/** A whole number from the environment; empty counts as unset. */
export function wholeNumberFromEnv(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${name}: '${text}' is no whole number. Give digits only, or leave it unset for ${otherwise}.`);
}

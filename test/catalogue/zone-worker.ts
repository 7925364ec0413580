import { untilEndOfDay } from '../../src/catalogue/lives/until-end-of-day.js';
import { unixDate } from '../../src/catalogue/lives/zone.js';

/** Prints, for each instant given as an argument, the seconds until local midnight and the unix date in Los Angeles. */
const zone = 'America/Los_Angeles';
const life = untilEndOfDay({ zone });
const answers = process.argv.slice(2).map((argument) => {
  const createdAt = Date.parse(argument);
  return { seconds: (life.freshUntil({ value: null, createdAt }) - createdAt) / 1000, date: unixDate(createdAt, zone) };
});
process.stdout.write(JSON.stringify({ serverOffset: new Date(2025, 0, 1).getTimezoneOffset(), answers }));

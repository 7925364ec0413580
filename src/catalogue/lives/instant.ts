import { InvalidDurationError } from '../../value/errors.js';

/**
 * Epoch milliseconds of what data gave as an instant.
 * @throws InvalidDurationError for an invalid date, NaN, an infinity, or anything that is neither a date nor a number.
 */
export function toInstant(given: Date | number): number {
  const instant: unknown = given instanceof Date ? given.getTime() : given;
  if (typeof instant === 'number' && Number.isFinite(instant)) return instant;
  throw new InvalidDurationError(
    'ttl',
    typeof instant === 'number' ? instant : given,
    'a valid date or epoch milliseconds',
  );
}

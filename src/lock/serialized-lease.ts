import { InvalidOptionError } from '../value/errors.js';
import type { SerializedLease } from './lease.js';

/** @throws InvalidOptionError naming the field, for what no lease wrote. Accepts the object or its JSON text. */
export function parseSerializedLease(json: unknown): SerializedLease {
  const given = typeof json === 'string' ? parseText(json) : json;
  if (typeof given !== 'object' || given === null) throw invalid('it is no object');
  const { version, resource, token, fencingToken, ttlMs, validUntilEpochMs } = given as Record<string, unknown>;
  if (version !== 1) throw invalid('version is not 1');
  if (typeof resource !== 'string' || !/^[\x21-\x7e]{1,2000}$/.test(resource))
    throw invalid('resource is not that of a lease');
  if (typeof token !== 'string' || !/^[A-Za-z0-9_-]{16,64}$/.test(token)) throw invalid('token is not that of a lease');
  return {
    version,
    resource,
    token,
    fencingToken: number(fencingToken, 'fencingToken'),
    ttlMs: number(ttlMs, 'ttlMs'),
    validUntilEpochMs: number(validUntilEpochMs, 'validUntilEpochMs'),
  };
}

function number(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw invalid(`${field} is not a number of 0 or more`);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('it is no JSON');
  }
}

function invalid(problem: string): InvalidOptionError {
  return new InvalidOptionError('lease', problem, 'Pass what JSON.stringify(lease) gave.');
}

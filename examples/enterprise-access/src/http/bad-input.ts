import { BadRequestException } from '@nestjs/common';

/** 400: which field, and why. */
export class BadInput extends BadRequestException {
  constructor(field: string, reason: string) {
    super({ detail: `${field}: ${reason}`, errors: [{ field, reason }] });
  }
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const contentKeyPattern = /^(?:course-v1:[\w.~-]+\+[\w.~-]+\+[\w.~-]+|[\w.~-]+\+[\w.~-]+)$/;

export function parseUuid(field: string, given: unknown): string {
  const uuid = typeof given === 'string' ? given.toLowerCase() : '';
  if (uuidPattern.test(uuid)) return uuid;
  throw new BadInput(field, given === undefined ? 'is required.' : 'is not a UUID.');
}

/** A course's key or a run's. In a query a plus sign that was not encoded arrives as a space, which no key has. */
export function parseContentKey(field: string, given: unknown): string {
  const key = typeof given === 'string' ? given.trim().replaceAll(' ', '+') : '';
  if (contentKeyPattern.test(key) && key.length <= 255) return key;
  const expected = 'such as edX+DemoX or course-v1:edX+DemoX+2026T1';
  throw new BadInput(field, given === undefined ? `is required, ${expected}.` : `is not a content key, ${expected}.`);
}

export function parseBoolean(field: string, given: unknown): boolean {
  const text = given === undefined ? 'false' : typeof given === 'string' ? given.toLowerCase() : '';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new BadInput(field, 'is neither true nor false.');
}

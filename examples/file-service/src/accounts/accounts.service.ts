import { ConflictException, Injectable, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { RedisRecords } from 'nestjs-tiered-cache/redis';
import {
  dataCap,
  ownedFiles,
  publicKeyOfCustomer,
  publicKeyOfUsername,
  stripeUserInfo,
  usernameOf,
} from './accounts.keys.js';
import type { StripeUserInfo } from './accounts.keys.js';

const freeBytes = 1_000_000;

/** Who has an account, and how much it may store. */
@Injectable()
export class AccountsService {
  constructor(private readonly records: RedisRecords) {}

  /** Both records or neither: of two who ask for one name, one gets it. */
  async create(username: string, publicKey: string): Promise<void> {
    const outcome = await this.records.transaction(async (tx) => {
      const taken = [await tx.get(publicKeyOfUsername({ username })), await tx.get(usernameOf({ publicKey }))];
      if (taken.some((one) => one !== undefined)) return tx.abort('taken');
      tx.set(publicKeyOfUsername({ username }), publicKey);
      tx.set(usernameOf({ publicKey }), username);
      tx.set(ownedFiles({ publicKey }), []);
      tx.set(dataCap({ publicKey }), freeBytes);
      return username;
    });
    if (outcome.status === 'aborted') throw new ConflictException('The name or the key has an account already.');
  }

  async find(publicKey: string): Promise<{ username: string; dataCap: number; files: readonly string[] }> {
    const [username, cap, files] = await Promise.all([
      this.records.get(usernameOf({ publicKey })),
      this.records.get(dataCap({ publicKey })),
      this.records.get(ownedFiles({ publicKey })),
    ]);
    if (username === undefined) throw new NotFoundException('There is no such account.');
    return { username, dataCap: cap ?? 0, files: files ?? [] };
  }

  /** A customer of Stripe gets more room. */
  async upgrade(publicKey: string, info: StripeUserInfo, cap: number): Promise<void> {
    if (!Number.isSafeInteger(cap) || cap > 1e12) throw new PayloadTooLargeException('Nobody sells that much.');
    const outcome = await this.records.transaction(async (tx) => {
      if ((await tx.get(usernameOf({ publicKey }))) === undefined) return tx.abort('no account');
      tx.set(stripeUserInfo({ publicKey }), info);
      tx.set(publicKeyOfCustomer({ customerId: info.customer_id }), publicKey);
      tx.set(dataCap({ publicKey }), cap);
      return cap;
    });
    if (outcome.status === 'aborted') throw new NotFoundException('There is no such account.');
  }
}

import { StoreUnavailableError } from '../../value/errors.js';

/** Not done: whoever had the keys has refused it, and another server has them now. */
export class MovedMeanwhileError extends StoreUnavailableError {
  constructor(shard: string) {
    super(shard, 'another server holds its keys now');
  }
}

import type { Command, Conversation, Reply } from './conversation.js';
import type { MetaConnection } from './meta-connection.js';
import type { Answer } from './waiting-commands.js';
import { ServerError } from './server-error.js';

/** Takes a conversation to its end. @throws the connection's error */
export async function converse<R>(connection: MetaConnection, conversation: Conversation<R>): Promise<R> {
  let step = conversation.next();
  while (!step.done) step = conversation.next(await exchange(connection, step.value));
  return step.value;
}

/** One write, and all that is answered to it, in the order of the commands. @throws the connection's error */
export function exchange(connection: MetaConnection, commands: readonly Command[]): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const replies = new Array<Reply>(commands.length);
    let left = commands.length;
    if (left === 0) resolve(replies);
    const answer: Answer = (error, reply, index) => {
      const said = reply ?? (error instanceof ServerError ? error : undefined);
      if (!said) return reject(error ?? new Error('no answer'));
      replies[index] = said;
      if (--left === 0) resolve(replies);
    };
    for (let index = 0; index < commands.length; index++) connection.send(commands[index] as Command, answer, index);
  });
}

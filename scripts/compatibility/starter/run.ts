import { NestFactory } from '@nestjs/core';
import { Prices, PricesModule } from './prices.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(PricesModule, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const prices = app.get(Prices);
  await prices.of('abcd');
  console.log(`price ${await prices.of('abcd')}, asked ${prices.asked}`);
  await app.close();
}

void main();

import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { Configuration } from '../configuration/configuration.js';
import { BearerGuard } from './bearer.guard.js';

@Module({
  imports: [
    JwtModule.registerAsync({
      inject: [Configuration],
      useFactory: ({ jwtSecret }: Configuration) => ({
        secret: jwtSecret,
        signOptions: { algorithm: 'HS256' as const },
        verifyOptions: { algorithms: ['HS256' as const] },
      }),
    }),
  ],
  providers: [{ provide: APP_GUARD, useClass: BearerGuard }],
})
export class AuthModule {}

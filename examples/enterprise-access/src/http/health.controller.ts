import { Controller, Get } from '@nestjs/common';
import { Public } from '../auth/bearer.guard.js';

@Controller('health')
export class HealthController {
  @Get()
  @Public(true)
  read(): { service: string; pid: number } {
    return { service: 'enterprise-access', pid: process.pid };
  }
}

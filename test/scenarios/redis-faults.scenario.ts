import { driverNames } from '../store/redis/drivers.js';
import { everyFault, faultsUnderLoad } from '../store/redis/faults-under-load.js';

for (const driver of driverNames) faultsUnderLoad(driver, everyFault);

/** The quartz of two machines, or one that NTP slews, drifts apart by less: in milliseconds of each one that passes. */
export const driftPerMs = 500e-6;

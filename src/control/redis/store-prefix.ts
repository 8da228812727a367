/** What the names of all keys begin with that a deployment has in Redis. */
export const STORE_PREFIX = 'sluice';

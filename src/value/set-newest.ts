/** In a map whose order is that of its writes, and which holds at most so many: where it is full, the oldest goes. */
export function setNewest<V>(map: Map<string, V>, max: number, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value as string);
}

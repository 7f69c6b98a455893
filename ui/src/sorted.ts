/** Sorts things into one list for each key, in the order in which keys come. */
export function sortedBy<K, T>(things: Iterable<T>, key: (thing: T) => K): Map<K, T[]> {
  const lists = new Map<K, T[]>();
  for (const thing of things) {
    const list = lists.get(key(thing));
    if (list === undefined) lists.set(key(thing), [thing]);
    else list.push(thing);
  }
  return lists;
}

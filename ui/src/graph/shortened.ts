/** Texts that have to fit. Pure: what fits is asked. */

/** The longest end of a name that is worth keeping. */
const LONGEST_TAIL = 6;

/** The beginning of a text, as far as there is room for it. */
export function shortened(text: string, fits: (text: string) => boolean): string {
  return cut(text, '…', fits) ?? '';
}

/**
 * A name as far as there is room for it. Names of one place begin alike (`shop-cart`, `shop-cash`), so the last part of the name
 * stays, and what is left out is the middle.
 */
export function shortenedName(name: string, fits: (text: string) => boolean): string {
  const tail = /[-._/:]([^-._/:]+)$/.exec(name)?.[1] ?? '';
  if (tail === '' || tail.length > LONGEST_TAIL) return shortened(name, fits);
  const end = `…${tail}`;
  return cut(name.slice(0, -tail.length - 1), end, fits, name) ?? (fits(end) ? end : shortened(name, fits));
}

/** The longest beginning of a text that fits together with an end; the whole where that fits. `null`: not even one letter does. */
function cut(text: string, end: string, fits: (text: string) => boolean, whole = text): string | null {
  if (fits(whole)) return whole;
  let least = 0;
  let most = text.length;
  while (least < most) {
    const half = Math.ceil((least + most) / 2);
    if (fits(`${text.slice(0, half)}${end}`)) least = half;
    else most = half - 1;
  }
  return least === 0 ? null : `${text.slice(0, least)}${end}`;
}

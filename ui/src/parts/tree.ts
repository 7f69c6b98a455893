/** One visible line of a tree. The tree itself is data; what is folded in is not here. */
export interface TreeLine {
  readonly id: string;
  readonly level: number;
  readonly label: string;
  /** Null for a leaf. */
  readonly expanded: boolean | null;
}

/** The line above with a smaller level: the parent. */
export function parentOf(lines: readonly TreeLine[], at: number): number {
  const level = lines[at]?.level ?? 0;
  for (let i = at - 1; i >= 0; i -= 1) {
    if ((lines[i]?.level ?? 0) < level) return i;
  }
  return at;
}

/** The next line, going round, whose label begins with the typed text. */
export function typed(lines: readonly TreeLine[], at: number, text: string): number {
  const wanted = text.toLowerCase();
  for (let step = 1; step <= lines.length; step += 1) {
    const i = (at + step) % lines.length;
    if (lines[i]?.label.toLowerCase().startsWith(wanted) === true) return i;
  }
  return at;
}

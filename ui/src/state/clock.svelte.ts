/** The one clock of the window. Ages read it, so that a tick touches their text and nothing else. */

let now = $state(Date.now());

export const time = {
  /** Milliseconds since the epoch; moves once a second. */
  get now(): number {
    return now;
  },
};

/** Starts ticking by the given clock; gives back what stops it. */
export function startClock(read: () => number): () => void {
  now = read();
  const timer = setInterval(() => {
    now = read();
  }, 1000);
  return () => clearInterval(timer);
}

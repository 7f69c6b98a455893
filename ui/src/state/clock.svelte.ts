/** The one clock of the window. Ages read it, so that a tick touches their text and nothing else. */

let now = $state(Date.now());

export const time = {
  /** Milliseconds since the epoch; moves once a second. */
  get now(): number {
    return now;
  },
};

/** How many steps a drawing of some span takes until all of it has passed. */
const STEPS = 180;

/**
 * The right end of a drawing that spans so many milliseconds. It moves in steps of a few pixels, at most once a second: the same
 * drawing a third of a pixel further is not worth a frame. Never before now, so that what just happened is inside.
 */
export function edge(span: number): number {
  const step = Math.max(1000, span / STEPS);
  return Math.ceil(now / step) * step;
}

/** Starts ticking by the given clock; gives back what stops it. */
export function startClock(read: () => number): () => void {
  now = read();
  const timer = setInterval(() => {
    now = read();
  }, 1000);
  return () => clearInterval(timer);
}

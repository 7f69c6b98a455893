'use strict';
const { setTimeout: wait } = require('node:timers/promises');

/** Makes the service fail and slow. */
class Knob {
  static FAILED = 'out of order';
  static USAGE = 'fail is a share from 0 to 1, delay_ms up to 65535';

  setting = { fail: 0, delay_ms: 0 };
  /** The share of failures that is due; the next answer fails when it reaches one. */
  #due = 0;

  /** Waits as long as the knob says; whether the work succeeded. */
  async take() {
    this.#due += this.setting.fail;
    // A little less than one: the sum of tenths is not exact.
    const fails = this.#due > 1 - 1e-9;
    if (fails) this.#due -= 1;
    if (this.setting.delay_ms > 0) await wait(this.setting.delay_ms);
    return !fails;
  }

  get isOut() {
    return this.setting.fail >= 1;
  }

  /** Whether the query was one that it understands. What it leaves out is zero. */
  turn(query) {
    const fail = Number(query.get('fail') ?? 0);
    const delay = Number(query.get('delay_ms') ?? 0);
    if (!(fail >= 0 && fail <= 1) || !Number.isInteger(delay) || delay < 0 || delay > 65_535) return false;
    this.setting = { fail, delay_ms: delay };
    this.#due = 0;
    return true;
  }
}

module.exports = { Knob };

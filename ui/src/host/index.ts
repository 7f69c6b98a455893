/** The seam to whoever computes the views: the app around the window, or a recording in a plain browser. */
import type { Commands } from './contract/commands';
import type { Failure, Notice, View } from './contract/types';

export type CommandName = keyof Commands;
export type Args<N extends CommandName> = Commands[N]['args'];
export type Result<N extends CommandName> = Commands[N]['result'];

export interface Host {
  /** Asks for something; what goes wrong is thrown as a `Refusal`. */
  call<N extends Exclude<CommandName, 'subscribe'>>(name: N, args: Args<N>): Promise<Result<N>>;
  /** Names the views to be told about; a later call replaces an earlier one. */
  subscribe(views: View[], onNotice: (notice: Notice) => void): Promise<void>;
  /** Milliseconds since the epoch, by the clock that the views' times were taken with. */
  now(): number;
}

/** A failure as it is thrown. */
export class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
    this.name = 'Refusal';
  }
}

/** Whatever was thrown, as a failure that can be shown. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Refusal) return thrown.failure;
  if (isFailure(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'window.unexpected', message, hint: 'Save what you see and restart Binnacle; edits under a guard are safe.', source: null };
}

function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown && 'hint' in thrown;
}

// Made from the Rust types in crates/view/src/contract. Do not edit:
// run `BINNACLE_WRITE=1 cargo test -p binnacle-view --test contract`.

import type * as T from './types';

/** Every command: what it is asked with and what it answers. Errors are a `Failure`. */
export interface Commands {
  /** Names the views to be told about; notices come by the channel. */
  subscribe: { args: T.SubscribeArgs; result: null };
  /** What changed in a view since the revision that the window has. */
  pull: { args: T.PullArgs; result: T.ViewPatch };
  /** Where the cards and groups of the topology stand. */
  positions: { args: T.PositionsArgs; result: ArrayBuffer };
  /** Folds or unfolds a group of the topology. */
  fold: { args: T.FoldArgs; result: null };
  /** Places the topology anew; nothing else ever moves what stands. */
  relayout: { args: T.RelayoutArgs; result: null };
  /** Looks again for systems on this computer; the first screen shows them. */
  found: { args: T.Nothing; result: null };
  /** Opens a connection, or opens it anew with a token. */
  connect: { args: T.ConnectArgs; result: null };
  /** Opens the connections of a profile. */
  open_profile: { args: T.OpenProfileArgs; result: null };
  /** Whether this computer's keyring could remember a token, tried out. */
  remember_offer: { args: T.RememberOfferArgs; result: T.Offer };
  /** Takes a connection's token out of the keyring, and connects anew without it. */
  forget_token: { args: T.DisconnectArgs; result: null };
  /** Starts the demo fleet in this process and connects to it. */
  connect_demo: { args: T.Nothing; result: null };
  /** Closes a connection and forgets what it stated. */
  disconnect: { args: T.DisconnectArgs; result: null };
  /** Makes a failing source try at once. */
  try_now: { args: T.TryNowArgs; result: null };
  /** The observations behind one fact. */
  evidence: { args: T.EvidenceArgs; result: T.EvidenceReport };
  /** How the signals of a service or an edge went, asked of the server that measures them. */
  history: { args: T.HistoryArgs; result: T.SignalHistory };
  /** In which states a breaker was, asked of the server that keeps them. */
  breaker_history: { args: T.HistoryArgs; result: T.BreakerHistory };
  /** Nobody looks any more: a history that is under way is taken back. */
  history_close: { args: T.HistoryCloseArgs; result: null };
  /** Everything that can be found by typing. */
  palette: { args: T.PaletteArgs; result: T.PaletteItem[] };
  /** A key with its value, read from the store now. */
  config_read: { args: T.ConfigReadArgs; result: T.ConfigValue };
  /** Plans an edit; nothing is written. */
  config_plan: { args: T.ConfigPlanArgs; result: T.ConfigPlanned };
  /** Applies a plan under its guard. */
  config_apply: { args: T.ConfigApplyArgs; result: T.ConfigApplied };
  /** Edits from the audit, newest first. */
  config_history: { args: T.ConfigHistoryArgs; result: T.AuditRow[] };
  /** Plans the undo of an edit, as a new guarded edit. */
  config_plan_undo: { args: T.ConfigPlanUndoArgs; result: T.ConfigPlanned };
  /** Merges three texts by lines. */
  config_merge: { args: T.ConfigMergeArgs; result: T.Merged };
  /** Plans a registration; nothing is written. */
  register_plan: { args: T.RegisterPlanArgs; result: T.RegistrationPlan };
  /** Plans a deregistration; nothing is written. */
  deregister_plan: { args: T.DeregisterPlanArgs; result: T.RegistrationPlan };
  /** Carries a registration's plan out and asks whether it stuck. */
  registry_apply: { args: T.RegistryApplyArgs; result: T.RegistryApplied };
  /** Plans a breaker's switch; nothing is sent but questions. */
  switch_plan: { args: T.SwitchPlanArgs; result: T.SwitchPlan };
  /** Carries a switch's plan out and asks for the state. */
  switch_apply: { args: T.SwitchApplyArgs; result: T.SwitchApplied };
  /** Opens the log of a Pod's container. */
  logs_open: { args: T.LogsOpenArgs; result: T.LogsOpened };
  /** What arrived in an open log since the last batch. */
  logs_next: { args: T.LogsArgs; result: T.LogsBatch };
  /** Closes a log: nothing more is read of it. */
  logs_close: { args: T.LogsArgs; result: null };
  /** How the person likes the window. */
  preferences_read: { args: T.Nothing; result: T.Preferences };
  /** Keeps how the person likes the window. */
  preferences_write: { args: T.Preferences; result: null };
  /** Stops everything and closes the window. */
  quit: { args: T.Nothing; result: null };
}

export const COMMANDS = [
  'subscribe',
  'pull',
  'positions',
  'fold',
  'relayout',
  'found',
  'connect',
  'open_profile',
  'remember_offer',
  'forget_token',
  'connect_demo',
  'disconnect',
  'try_now',
  'evidence',
  'history',
  'breaker_history',
  'history_close',
  'palette',
  'config_read',
  'config_plan',
  'config_apply',
  'config_history',
  'config_plan_undo',
  'config_merge',
  'register_plan',
  'deregister_plan',
  'registry_apply',
  'switch_plan',
  'switch_apply',
  'logs_open',
  'logs_next',
  'logs_close',
  'preferences_read',
  'preferences_write',
  'quit',
] as const satisfies readonly (keyof Commands)[];

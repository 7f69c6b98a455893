//! The commands that the window may call, in one list. The client's signatures, the registration in the app and the
//! documentation are made from it.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Calls the macro `$with` with every command: `name(argument type) -> result type, "meaning";`.
///
/// `positions` answers with bytes, and `subscribe` takes a channel of notices besides its argument.
#[macro_export]
macro_rules! for_each_command {
    ($with:ident) => {
        $with! {
            subscribe(SubscribeArgs) -> (), "Names the views to be told about; notices come by the channel.";
            pull(PullArgs) -> ViewPatch, "What changed in a view since the revision that the window has.";
            positions(PositionsArgs) -> Bytes, "Where the cards and groups of the topology stand.";
            fold(FoldArgs) -> (), "Folds or unfolds a group of the topology.";
            relayout(RelayoutArgs) -> (), "Places the topology anew; nothing else ever moves what stands.";
            found(Nothing) -> (), "Looks again for systems on this computer; the first screen shows them.";
            connect(ConnectArgs) -> (), "Opens a connection, or opens it anew with a token.";
            open_profile(OpenProfileArgs) -> (), "Opens the connections of a profile.";
            remember_offer(RememberOfferArgs) -> Offer, "Whether this computer's keyring could remember a token, tried out.";
            forget_token(DisconnectArgs) -> (), "Takes a connection's token out of the keyring, and connects anew without it.";
            connect_demo(Nothing) -> (), "Starts the demo fleet in this process and connects to it.";
            disconnect(DisconnectArgs) -> (), "Closes a connection and forgets what it stated.";
            try_now(TryNowArgs) -> (), "Makes a failing source try at once.";
            evidence(EvidenceArgs) -> EvidenceReport, "The observations behind one fact.";
            history(HistoryArgs) -> SignalHistory, "How the signals of a service or an edge went, asked of the server that measures them.";
            breaker_history(HistoryArgs) -> BreakerHistory, "In which states a breaker was, asked of the server that keeps them.";
            history_close(HistoryCloseArgs) -> (), "Nobody looks any more: a history that is under way is taken back.";
            palette(PaletteArgs) -> PaletteItems, "Everything that can be found by typing.";
            config_read(ConfigReadArgs) -> ConfigValue, "A key with its value, read from the store now.";
            config_plan(ConfigPlanArgs) -> ConfigPlanned, "Plans an edit; nothing is written.";
            config_apply(ConfigApplyArgs) -> ConfigApplied, "Applies a plan under its guard.";
            config_history(ConfigHistoryArgs) -> AuditRows, "Edits from the audit, newest first.";
            config_plan_undo(ConfigPlanUndoArgs) -> ConfigPlanned, "Plans the undo of an edit, as a new guarded edit.";
            config_merge(ConfigMergeArgs) -> Merged, "Merges three texts by lines.";
            register_plan(RegisterPlanArgs) -> RegistrationPlan, "Plans a registration; nothing is written.";
            deregister_plan(DeregisterPlanArgs) -> RegistrationPlan, "Plans a deregistration; nothing is written.";
            registry_apply(RegistryApplyArgs) -> RegistryApplied, "Carries a registration's plan out and asks whether it stuck.";
            switch_plan(SwitchPlanArgs) -> SwitchPlan, "Plans a breaker's switch; nothing is sent but questions.";
            switch_apply(SwitchApplyArgs) -> SwitchApplied, "Carries a switch's plan out and asks for the state.";
            logs_open(LogsOpenArgs) -> LogsOpened, "Opens the log of a Pod's container.";
            logs_next(LogsArgs) -> LogsBatch, "What arrived in an open log since the last batch.";
            logs_close(LogsArgs) -> (), "Closes a log: nothing more is read of it.";
            preferences_read(Nothing) -> Preferences, "How the person likes the window.";
            preferences_write(Preferences) -> (), "Keeps how the person likes the window.";
            quit(Nothing) -> (), "Stops everything and closes the window.";
        }
    };
}

/// A command of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// The TypeScript type of its argument.
    pub argument: &'static str,
    /// The TypeScript type of its result.
    pub result: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

macro_rules! list {
    ($($name:ident($argument:ident) -> $result:tt, $meaning:literal;)*) => {
        /// Every command.
        pub const COMMANDS: &[Command] = &[$(Command {
            name: stringify!($name),
            argument: stringify!($argument),
            result: stringify!($result),
            meaning: $meaning,
        }),*];
    };
}

for_each_command!(list);

/// No argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, TS)]
pub struct Nothing {}

/// What `positions` is asked with.
///
/// The answer is bytes, little endian: the layout's number and the number of slots as 32-bit unsigned integers, then for
/// each slot `x`, `y`, `width`, `height` as 32-bit floats, in pixels at zoom 1. A slot that is not in use is all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct PositionsArgs {
    /// The layout's number, from the topology's head. A later layout is answered when that one is gone.
    pub layout: u32,
}

/// What `fold` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct FoldArgs {
    /// The group's id.
    pub group: String,
    /// True folds, false unfolds.
    pub folded: bool,
}

/// What `relayout` is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct RelayoutArgs {
    /// The grouping to place anew.
    pub group_by: super::topology::GroupBy,
}

/// What `connect` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct ConnectArgs {
    /// `KIND=WHERE`, such as `consul=http://127.0.0.1:8500`.
    pub spec: String,
    /// An ACL token that a person entered; `null` to go by the profile and the environment.
    pub token: Option<Secret>,
    /// Keep the token in the keyring of this computer.
    pub remember: bool,
}

/// What `remember_offer` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct RememberOfferArgs {
    /// The open connection that the token is for; `null` for one that is about to be added.
    pub spec: Option<String>,
}

/// What `disconnect` and `forget_token` are asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct DisconnectArgs {
    /// The connection's `KIND=WHERE`.
    pub spec: String,
}

/// A text that only ever goes from the window to the app, and is printed nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize, TS)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What `open_profile` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct OpenProfileArgs {
    /// The profile's name.
    pub name: String,
}

/// What `try_now` is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, TS)]
pub struct TryNowArgs {
    /// The source.
    pub source: String,
}

/// How the person likes the window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Preferences {
    /// Dark, light, or as the system has it.
    pub theme: Theme,
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

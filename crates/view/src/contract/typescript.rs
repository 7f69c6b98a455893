//! The contract as TypeScript: `types.ts` from the types, `commands.ts` from the list of commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ts_rs::{Config, TS, TypeVisitor};

use super::command::{
    COMMANDS, ConnectArgs, DisconnectArgs, FoldArgs, Nothing, OpenProfileArgs, PositionsArgs, Preferences,
    RelayoutArgs, RememberOfferArgs, TryNowArgs,
};
use super::config::{
    AuditRow, ConfigApplied, ConfigApplyArgs, ConfigHistoryArgs, ConfigMergeArgs, ConfigPlanArgs, ConfigPlanUndoArgs,
    ConfigPlanned, ConfigReadArgs, ConfigValue, Merged,
};
use super::failure::Failure;
use super::history::{BreakerHistory, HistoryArgs, HistoryCloseArgs, SignalHistory};
use super::inspector::{EvidenceArgs, EvidenceReport};
use super::logs::{LogsArgs, LogsBatch, LogsOpenArgs, LogsOpened};
use super::palette::{PaletteArgs, PaletteItem};
use super::registration::{DeregisterPlanArgs, RegisterPlanArgs, RegistrationPlan, RegistryApplied, RegistryApplyArgs};
use super::state::Offer;
use super::switch::{SwitchApplied, SwitchApplyArgs, SwitchPlan, SwitchPlanArgs};
use super::view::{Notice, PullArgs, SubscribeArgs, ViewPatch};

const NOTE: &str = "// Made from the Rust types in crates/view/src/contract. Do not edit:\n// run `BINNACLE_WRITE=1 cargo test -p binnacle-view --test contract`.\n";

/// The files by name.
pub fn files() -> BTreeMap<&'static str, String> {
    BTreeMap::from([("types.ts", types()), ("commands.ts", commands())])
}

/// Declarations of a type and of all that it is made of.
struct Declarations {
    config: Config,
    seen: BTreeSet<&'static str>,
    texts: BTreeMap<String, String>,
}

impl Declarations {
    fn add<T: TS + 'static + ?Sized>(&mut self) {
        self.visit::<T>();
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(std::any::type_name::<T>()) {
            return;
        }
        // Types of this crate have a file of their own; numbers, texts and lists have none.
        if T::output_path().is_some() {
            let doc = T::docs().unwrap_or_default();
            let declaration = <T::WithoutGenerics as TS>::decl(&self.config);
            self.texts.insert(T::ident(&self.config), format!("{doc}export {declaration}\n"));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

fn types() -> String {
    let config = Config::new().with_large_int("number");
    let mut all = Declarations { config, seen: BTreeSet::new(), texts: BTreeMap::new() };
    all.add::<Failure>();
    all.add::<Nothing>();
    all.add::<Notice>();
    all.add::<SubscribeArgs>();
    all.add::<PullArgs>();
    all.add::<ViewPatch>();
    all.add::<PositionsArgs>();
    all.add::<FoldArgs>();
    all.add::<RelayoutArgs>();
    all.add::<ConnectArgs>();
    all.add::<DisconnectArgs>();
    all.add::<RememberOfferArgs>();
    all.add::<Offer>();
    all.add::<OpenProfileArgs>();
    all.add::<TryNowArgs>();
    all.add::<Preferences>();
    all.add::<LogsOpenArgs>();
    all.add::<LogsOpened>();
    all.add::<LogsArgs>();
    all.add::<LogsBatch>();
    all.add::<EvidenceArgs>();
    all.add::<EvidenceReport>();
    all.add::<HistoryArgs>();
    all.add::<HistoryCloseArgs>();
    all.add::<SignalHistory>();
    all.add::<BreakerHistory>();
    all.add::<PaletteArgs>();
    all.add::<PaletteItem>();
    all.add::<ConfigReadArgs>();
    all.add::<ConfigValue>();
    all.add::<ConfigPlanArgs>();
    all.add::<ConfigPlanned>();
    all.add::<ConfigApplyArgs>();
    all.add::<ConfigApplied>();
    all.add::<ConfigHistoryArgs>();
    all.add::<AuditRow>();
    all.add::<ConfigPlanUndoArgs>();
    all.add::<ConfigMergeArgs>();
    all.add::<Merged>();
    all.add::<RegisterPlanArgs>();
    all.add::<DeregisterPlanArgs>();
    all.add::<RegistrationPlan>();
    all.add::<RegistryApplyArgs>();
    all.add::<RegistryApplied>();
    all.add::<SwitchPlanArgs>();
    all.add::<SwitchPlan>();
    all.add::<SwitchApplyArgs>();
    all.add::<SwitchApplied>();
    let mut text = NOTE.to_owned();
    for declaration in all.texts.values() {
        text.push('\n');
        // One line a comment where one line is enough.
        text.push_str(&declaration.replace("/**\n * ", "/** ").replace("\n */\n", " */\n"));
    }
    text
}

/// The TypeScript word for what the list of commands names.
fn word(named: &str) -> String {
    match named {
        "()" => "null".to_owned(),
        "Bytes" => "ArrayBuffer".to_owned(),
        "AuditRows" => "T.AuditRow[]".to_owned(),
        "PaletteItems" => "T.PaletteItem[]".to_owned(),
        other => format!("T.{other}"),
    }
}

fn commands() -> String {
    let mut text = NOTE.to_owned();
    text.push_str("\nimport type * as T from './types';\n\n");
    text.push_str("/** Every command: what it is asked with and what it answers. Errors are a `Failure`. */\n");
    text.push_str("export interface Commands {\n");
    for command in COMMANDS {
        let (argument, result) = (word(command.argument), word(command.result));
        let _ = writeln!(text, "  /** {} */", command.meaning);
        let _ = writeln!(text, "  {}: {{ args: {argument}; result: {result} }};", command.name);
    }
    text.push_str("}\n\nexport const COMMANDS = [\n");
    for command in COMMANDS {
        let _ = writeln!(text, "  '{}',", command.name);
    }
    text.push_str("] as const satisfies readonly (keyof Commands)[];\n");
    text
}

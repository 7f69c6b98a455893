//! Which series of a metric are asked for, where it is about some processes and partners alone. Pure.
//!
//! What cannot be said in few words is not said: then more is asked for, and who reads the answer leaves it out.

use std::collections::BTreeSet;

use binnacle_model::fact::Party;

use super::promql::{EXPORTED, PROCESS, literal, quoted};
use crate::scrape::dialect::{Fit, Said, Traced};

/// Those that fit any of these lists of matchers.
pub(super) type Selections = Vec<Vec<String>>;

/// No question has more of them.
const MOST_SELECTIONS: usize = 16;
/// All of them together are no longer, in bytes: some servers take no question that is longer than 16 KiB.
const LONGEST_SELECTIONS: usize = 12_000;

/// All series.
pub(super) fn all() -> Selections {
    vec![Vec::new()]
}

/// Those that some facts were read from.
pub(super) fn of(traced: &Traced<'_>, of_process: bool) -> Selections {
    let mut selections = all();
    let processes = vec![process_matchers(&traced.processes)];
    let labels = traced.labels.iter().map(|said| said.iter().flat_map(|one| matchers(one, of_process)).collect());
    for alternatives in [processes].into_iter().chain(labels) {
        let narrower = product(&selections, &alternatives);
        let length: usize = narrower.iter().flatten().map(String::len).sum();
        if (1..=MOST_SELECTIONS).contains(&narrower.len()) && length <= LONGEST_SELECTIONS {
            selections = narrower;
        }
    }
    selections
}

/// What fits one of each.
fn product(some: &Selections, others: &Selections) -> Selections {
    let both = |one: &Vec<String>| others.iter().map(|other| [&**one, &**other].concat()).collect::<Vec<_>>();
    some.iter().flat_map(both).collect()
}

/// Matchers for the label by its own name, and by the one that a server gave it which has the label itself.
fn matchers(said: &Said, of_process: bool) -> Selections {
    if said.texts.is_empty() {
        return Vec::new();
    }
    let label = said.label.as_str();
    let any = said.texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join("|");
    let values = quoted(&if said.fit == Fit::Contains { format!(".*(?:{any}).*") } else { any });
    let operator = if said.fit == Fit::IsNot { "!~" } else { "=~" };
    let own = format!("{label}{operator}{values}");
    // These are the server's own.
    if of_process && PROCESS.contains(&label) {
        return vec![vec![own]];
    }
    let mut renamed = vec![format!("{EXPORTED}{label}{operator}{values}")];
    if said.fit == Fit::IsNot {
        renamed.push(format!("{EXPORTED}{label}!=\"\""));
    }
    vec![renamed, vec![format!("{EXPORTED}{label}=\"\""), own]]
}

/// By addresses or by Pods. A process that has neither may be called by one label or another.
fn process_matchers(processes: &BTreeSet<&Party>) -> Vec<String> {
    let (mut instances, mut namespaces, mut pods) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for process in processes {
        match process {
            Party::Address { host, port } if host.contains(':') => {
                instances.insert(format!("[{host}]:{port}"));
            }
            Party::Address { host, port } => {
                instances.insert(format!("{host}:{port}"));
                if &**host == "127.0.0.1" {
                    instances.insert(format!("localhost:{port}"));
                }
            }
            Party::Pod { namespace, pod, .. } => {
                namespaces.insert(namespace.to_string());
                pods.insert(pod.to_string());
            }
            _ => return Vec::new(),
        }
    }
    if !instances.is_empty() && !pods.is_empty() {
        return Vec::new();
    }
    let any = |values: BTreeSet<String>| values.iter().map(|value| literal(value)).collect::<Vec<_>>().join("|");
    let named = [("instance", instances), ("namespace", namespaces), ("pod", pods)].into_iter();
    let named = named.filter(|(_, values)| !values.is_empty());
    named.map(|(label, values)| format!("{label}=~{}", quoted(&any(values)))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use binnacle_model::fact::{
        CallsBasis, CallsFact, Fact, Observer, Pattern, Payload, Protocol, ServedFact, Side, Signals,
    };

    use super::*;
    use crate::scrape::dialect::Dialect;

    fn calls(caller: Party, callee: Party, side: Side) -> Fact {
        let (protocol, pattern, payload) = (Protocol::Http, Pattern::Rpc, Payload::Json);
        let (basis, observer) = (CallsBasis::Observed(Signals::default()), Observer { dialect: Arc::from("x"), side });
        Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis, observer })
    }

    fn named(name: &str) -> Party {
        Party::Named(Arc::from(name))
    }

    fn inside(namespace: &str, name: &str) -> Party {
        Party::NamedIn { namespace: Arc::from(namespace), name: Arc::from(name) }
    }

    fn at(host: &str, port: u16) -> Party {
        Party::Address { host: Arc::from(host), port }
    }

    fn pod() -> Party {
        Party::Pod { namespace: Arc::from("shop"), pod: Arc::from("cart-0"), address: None }
    }

    /// The matchers of each selection, with a comma between.
    fn selected(text: &str, counter: &str, facts: &[Fact]) -> Vec<String> {
        let dialect = Dialect::parse("x.toml", &format!("name = \"x\"\ntitle = \"X\"\n{text}")).unwrap();
        let traced = dialect.traced(counter, &facts.iter().collect::<Vec<_>>()).remove(0);
        let of_process = traced.series[0].0.of_process;
        of(&traced, of_process).iter().map(|matchers| matchers.join(",")).collect()
    }

    fn of_calls(text: &str, facts: &[Fact]) -> Vec<String> {
        selected(&format!("[[calls]]\ntotal = \"t\"\n{text}\n"), "x/calls/0/total", facts)
    }

    #[test]
    fn what_cannot_be_said_in_few_words_is_not_said() {
        for (processes, expected) in [
            (vec![pod()], r#"namespace=~"shop",pod=~"cart-0",job=~"x""#),
            (vec![at("::1", 9)], r#"instance=~"\\[::1\\]:9",job=~"x""#),
            (vec![pod(), at("::1", 9)], r#"job=~"x""#),
            (vec![named("cart")], r#"job=~"x""#),
            ((0..2_000).map(|port| at("10.0.0.1", port)).collect(), r#"job=~"x""#),
        ] {
            let facts: Vec<Fact> = processes.into_iter().map(|one| calls(one, named("x"), Side::Caller)).collect();
            assert_eq!(of_calls("callee = \"job\"", &facts), [expected]);
        }
        assert_eq!(of_calls("callee = \"job\"", &[]), [""]);
        let many: Vec<Fact> =
            (0..2_000).map(|n| calls(at("10.0.0.1", 9), named(&format!("service-{n}")), Side::Caller)).collect();
        assert_eq!(of_calls("callee = \"to\"", &many), [r#"instance=~"10\\.0\\.0\\.1:9""#]);
    }

    #[test]
    fn an_address_or_a_part_of_a_value_stands_somewhere_in_its_label() {
        let fact = |callee| [calls(at("10.0.0.1", 9), callee, Side::Caller)];
        let process = r#"instance=~"10\\.0\\.0\\.1:9""#;
        let host = "callee = { label = \"job\", is = \"host\" }";
        for (callee, expected) in [
            (at("10.0.0.2", 80), r#",job=~".*(?:10\\.0\\.0\\.2).*""#),
            (at("127.0.0.1", 80), r#",job=~".*(?:127\\.0\\.0\\.1|localhost).*""#),
            (inside("shop", "web"), r#",job=~".*(?:web).*""#),
        ] {
            assert_eq!(of_calls(host, &fact(callee)), [format!("{process}{expected}")]);
        }
        let part = "callee = { label = \"job\", part = '(?P<name>[^/]+)$' }";
        assert_eq!(of_calls(part, &fact(named("web"))), [format!(r#"{process},job=~".*(?:web).*""#)]);
        // Nobody is named by this label who has an address.
        assert_eq!(of_calls("callee = \"job\"", &fact(at("10.0.0.2", 80))), [process]);
    }

    #[test]
    fn both_ends_are_said_by_each_of_their_labels_under_each_of_its_names() {
        let text = "caller = { label = \"from\", outside = { unknown = \"somebody\" } }\ncallee = [\"to\", \"host\"]";
        let facts = [
            calls(named("a.b"), named("c"), Side::Caller),
            calls(Party::Outside(Arc::from("somebody")), named("c"), Side::Caller),
        ];
        let callee = [
            r#"exported_to=~"c""#,
            r#"exported_to="",to=~"c""#,
            r#"exported_host=~"c""#,
            r#"exported_host="",host=~"c""#,
        ];
        let caller = [r#"exported_from=~"a\\.b|unknown""#, r#"exported_from="",from=~"a\\.b|unknown""#];
        let both: Vec<String> =
            callee.iter().flat_map(|to| caller.iter().map(move |from| format!("{to},{from}"))).collect();
        assert_eq!(of_calls(text, &facts), both);
    }

    #[test]
    fn the_observer_and_the_namespaces_are_said() {
        let text = "caller = { is = \"process\" }\ncallee = { label = \"to\", namespace = \"job\" }\n\
                    observer = { label = \"instance\", words = { source = \"caller\", destination = \"callee\" } }";
        let to = [r#"exported_to=~"c""#, r#"exported_to="",to=~"c""#];
        let rest = |sides: &str| to.map(|to| format!(r#"{to},instance!~"{sides}",job=~"shop""#));
        let fact = |side| calls(named("me"), inside("shop", "c"), side);
        assert_eq!(of_calls(text, &[fact(Side::Caller)]), rest("between|callee|destination"));
        assert_eq!(of_calls(text, &[fact(Side::Callee)]), rest("between|caller|source"));
        let text = text.replace("instance", "reporter");
        let observers = [
            r#"exported_reporter!~"between|callee|destination",exported_reporter!="""#,
            r#"exported_reporter="",reporter!~"between|callee|destination""#,
        ];
        let all: Vec<String> =
            to.iter().flat_map(|to| observers.map(|by| format!(r#"{to},{by},job=~"shop""#))).collect();
        assert_eq!(of_calls(&text, &[fact(Side::Caller)]), all);
    }

    #[test]
    fn what_a_process_answers_and_its_messages_are_said() {
        let served = |process: Party, offers: Option<&str>| {
            let (offers, protocol, dialect) = (offers.map(Arc::from), Protocol::Grpc, Arc::from("x"));
            Fact::Served(ServedFact { process, offers, protocol, dialect, signals: Signals::default() })
        };
        let text = "[[served]]\ntotal = \"s\"\noffers = \"job\"\n";
        let facts = [served(pod(), Some("a")), served(pod(), None)];
        let own = r#"namespace=~"shop",pod=~"cart-0",job=~"|a""#;
        assert_eq!(selected(text, "x/served/0/total", &facts), [own]);
        let text = "[[served]]\ntotal = \"s\"\nprocess = \"job\"\n";
        let facts = [served(named("cart"), None)];
        assert_eq!(
            selected(text, "x/served/0/total", &facts),
            [r#"exported_job=~"cart""#, r#"exported_job="",job=~"cart""#]
        );
        let text = "[[channels]]\ntotal = \"m\"\nchannel = \"job\"\npattern = \"work_queue\"\n\
                    published = { label = \"d\", is = [\"out\"] }\nconsumed = { label = \"d\", is = [\"in\"] }\n";
        let queue = || Party::Channel(Arc::from("q"));
        let facts = [calls(at("10.0.0.1", 9), queue(), Side::Caller), calls(queue(), at("10.0.0.2", 9), Side::Callee)];
        assert_eq!(
            selected(text, "x/channels/0/total", &facts),
            [r#"instance=~"10\\.0\\.0\\.1:9|10\\.0\\.0\\.2:9",job=~"q""#]
        );
    }

    #[test]
    fn no_question_has_more_selections_than_few() {
        let text = "caller = [\"a\", \"b\", \"c\"]\ncallee = [\"d\", \"e\", \"f\"]";
        assert_eq!(of_calls(text, &[calls(named("x"), named("y"), Side::Caller)]).len(), 6);
    }
}

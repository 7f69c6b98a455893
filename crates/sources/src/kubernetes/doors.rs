//! The doors to clusters that sources of one engine share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::session::Door;
use crate::environment::Environment;

/// One door for each context, for as long as a source goes through it: a plugin signs in once, and all requests share one
/// connection to the API server. A clone is another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<String, Vec<Ajar>>>>);

/// A door that may have closed, and the environment that it was opened in.
type Ajar = (Environment, Weak<Door>);

impl Doors {
    /// The door of a context, as this environment names it. What is meant for the systems behind it makes no other door.
    pub(crate) fn to(&self, context: &str, environment: &Environment) -> Arc<Door> {
        let environment = environment.for_a_stranger();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let doors = held.entry(context.to_owned()).or_default();
        doors.retain(|(_, door)| door.strong_count() > 0);
        if let Some(door) = doors.iter().find(|(of, _)| *of == environment).and_then(|(_, door)| door.upgrade()) {
            return door;
        }
        let door = Arc::new(Door::new(context, &environment));
        doors.push((environment, Arc::downgrade(&door)));
        door
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_context_share_a_door_and_another_kubeconfig_is_another() {
        let environment = Environment::default().with("KUBECONFIG", "/nonexistent/one");
        let doors = Doors::default();
        let first = doors.to("minikube", &environment);
        assert!(Arc::ptr_eq(
            &first,
            &doors.clone().to("minikube", &environment.clone().with("CONSUL_HTTP_TOKEN", "x"))
        ));
        assert!(!Arc::ptr_eq(&first, &doors.to("other", &environment)));
        assert!(!Arc::ptr_eq(&first, &doors.to("minikube", &environment.with("KUBECONFIG", "/nonexistent/two"))));
    }
}

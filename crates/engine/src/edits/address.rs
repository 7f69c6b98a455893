use binnacle_model::derive;
use binnacle_model::fact::StoreKind;
use binnacle_model::id::{ConfigId, SourceId, SourceKind};

use super::EditError;

/// The source and the path of a key, exactly as the store has it: `consul:dc1` and `app/x` of `consul:dc1/kv/app/x`.
pub fn place_of(id: &ConfigId) -> Result<(SourceId, String), EditError> {
    let bad = |why: &'static str| EditError::BadId { id: id.clone(), why };
    let (source, store, path) = derive::config_place(id).ok_or_else(|| bad("there is no /kv/ in it"))?;
    if store != StoreKind::ConsulKv && source.kind() == Some(SourceKind::Kube) {
        return Err(EditError::NoStore(source));
    }
    if source.kind() != Some(SourceKind::Consul) || source.place().is_empty() {
        return Err(bad("it does not begin with a source that has keys, such as consul:dc1"));
    }
    if path.is_empty() {
        return Err(bad("it names no key behind /kv/"));
    }
    Ok((source, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_kept_to_the_letter() {
        for path in
            ["app/x", "/leading", "trailing/", "a//b", "kv/kv/", "with space", "100%", "a?b#c", "schlüssel/键", "/kv/"]
        {
            let id = derive::config_id(&SourceId::from("consul:dc1"), StoreKind::ConsulKv, path);
            assert_eq!(place_of(&id).unwrap(), (SourceId::from("consul:dc1"), path.to_owned()));
        }
    }

    #[test]
    fn a_key_of_a_cluster_is_a_key_and_cannot_be_read_or_written_here() {
        for text in ["kube:minikube/configmap/shop/limits/app.yaml", "kube:minikube/secret/shop/db/password"] {
            assert_eq!(place_of(&ConfigId::from(text)).unwrap_err().code(), "edit.no_store", "{text}");
        }
    }

    #[test]
    fn what_is_no_id_is_said_with_an_example() {
        for text in ["", "app/x", "consul:dc1", "consul:dc1/kv/", "consul:/kv/a", "scrape:127.0.0.1:1/kv/a", "/kv/a"] {
            let error = place_of(&ConfigId::from(text)).unwrap_err();
            assert_eq!(error.code(), "edit.bad_id", "{text}");
            assert!(error.hint().contains("consul:dc1/kv/"), "{text}");
        }
    }
}

/// Which keys hold secrets. Their values never reach the disk.
#[derive(Clone, Debug)]
pub struct Sensitive {
    words: Vec<String>,
}

/// Compared without upper case, `-`, `_` and `.`: `API-Key`, `api_key` and `apiKey` are one word.
const WORDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "htpasswd",
];

/// Every private key in PEM has this in its first line (RFC 7468 and the older forms).
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

impl Default for Sensitive {
    fn default() -> Self {
        Self { words: WORDS.map(str::to_owned).to_vec() }
    }
}

impl Sensitive {
    /// Further words. One without a letter or digit marks nothing.
    pub fn add(&mut self, words: impl IntoIterator<Item = String>) {
        let plain = words.into_iter().map(|word| plain(&word));
        self.words.extend(plain.filter(|word| !word.is_empty()));
    }

    /// Whether the key's path names a secret.
    pub fn path(&self, path: &str) -> bool {
        path.split('/').map(plain).any(|part| self.words.iter().any(|word| part.contains(word)))
    }

    /// Whether the value is a secret by its form, whatever the key is called.
    pub fn value(bytes: &[u8]) -> bool {
        bytes.windows(PRIVATE_KEY.len()).any(|window| window == PRIVATE_KEY)
    }
}

fn plain(part: &str) -> String {
    part.chars().filter(|letter| !matches!(letter, '-' | '_' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_path_marks_the_key() {
        let sensitive = Sensitive::default();
        for path in [
            "db/password",
            "DB_PASSWORD",
            "app/api-key",
            "app/apiKey",
            "tokens/github",
            "app/tls.private_key",
            "my.Secret/x",
        ] {
            assert!(sensitive.path(path), "{path}");
        }
        for path in ["app/limits.yaml", "fleet/payments/latency_ms", "api/key-value", ""] {
            assert!(!sensitive.path(path), "{path}");
        }
    }

    #[test]
    fn more_words_can_be_added() {
        let mut sensitive = Sensitive::default();
        sensitive.add(["Licence-Key".to_owned(), "_".to_owned()]);
        assert!(sensitive.path("shop/licence_key"));
        assert!(!sensitive.path("shop/limits"));
    }

    #[test]
    fn a_private_key_is_known_by_its_form() {
        assert!(Sensitive::value(b"-----BEGIN EC PRIVATE KEY-----\nMHc..."));
        assert!(!Sensitive::value(b"-----BEGIN CERTIFICATE-----"));
        assert!(!Sensitive::value(b""));
    }
}

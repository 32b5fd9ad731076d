//! The header with which a registry says how it wants to be asked.   Spec: RFC 9110 §11; distribution token authentication.

use std::collections::BTreeMap;

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token, to be fetched elsewhere first.
    Bearer {
        /// Where.
        realm: String,
        /// For which service.
        service: Option<String>,
        /// For what, as the registry sees it.
        scope: Option<String>,
    },
}

/// Picks the way rlab takes out of the values of WWW-Authenticate: a token rather than a password.
pub fn choose<'a>(values: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let offered: Vec<Challenge> = values.flat_map(parse).collect();
    let bearer = offered.iter().find(|one| matches!(one, Challenge::Bearer { .. }));
    bearer.or(offered.first()).cloned()
}

fn parse(value: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scheme: Option<String> = None;
    let mut parameters = BTreeMap::new();
    let mut rest = value.trim_start();
    while !rest.is_empty() {
        let word_end = rest.find([' ', '=', ',']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        if let Some(after) = after.strip_prefix('=') {
            let (text, after) = parameter_value(after);
            parameters.insert(word.to_ascii_lowercase(), text);
            rest = after;
        } else {
            // A word on its own begins the next challenge.
            found.extend(scheme.take().and_then(|scheme| build(&scheme, &std::mem::take(&mut parameters))));
            scheme = Some(word.to_owned());
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',']);
    }
    found.extend(scheme.and_then(|scheme| build(&scheme, &parameters)));
    found
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn build(scheme: &str, parameters: &BTreeMap<String, String>) -> Option<Challenge> {
    let get = |key: &str| parameters.get(key).cloned();
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let bearer = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let Some(Challenge::Bearer { realm, service, scope }) = choose([r#"Basic realm="x, y""#, bearer].into_iter())
        else {
            panic!("no bearer challenge");
        };
        assert_eq!(realm, "https://auth.docker.io/token");
        assert_eq!(service.as_deref(), Some("registry.docker.io"));
        assert_eq!(scope.as_deref(), Some("repository:a/b:pull,push"));
        let one_line = format!(r#"Basic realm="a \" b", {bearer}"#);
        assert!(matches!(choose([one_line.as_str()].into_iter()), Some(Challenge::Bearer { .. })));
    }

    #[test]
    fn a_password_is_taken_where_nothing_else_is_offered() {
        assert_eq!(choose(["Basic realm=Registry"].into_iter()), Some(Challenge::Basic));
        assert_eq!(choose(["Negotiate", "Digest realm=\"x\""].into_iter()), None);
        assert_eq!(choose(["Bearer service=\"x\""].into_iter()), None);
    }

    proptest! {
        #[test]
        fn foreign_headers_never_panic(value in "\\PC{0,60}") {
            let _ = choose([value.as_str()].into_iter());
        }

        #[test]
        fn what_is_quoted_is_read_as_it_was_meant(realm in "\\PC{0,30}", service in "\\PC{0,30}", first in any::<bool>()) {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let bearer = format!("Bearer realm=\"{}\", service=\"{}\"", quoted(&realm), quoted(&service));
            let value = if first { format!("{bearer}, Basic realm=x") } else { format!("Basic realm=x, {bearer}") };
            let expected = Challenge::Bearer { realm, service: Some(service), scope: None };
            prop_assert_eq!(choose([value.as_str()].into_iter()), Some(expected));
        }
    }
}

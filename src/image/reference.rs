//! The names people give images, read as Docker reads them.   Spec: OCI distribution; distribution/reference grammar.
//!
//! `nginx` is short for `docker.io/library/nginx:latest`. Whether the first part of `a/b` is a registry or a folder is
//! decided by its look alone: a dot, a colon, `localhost` or a capital letter make it a registry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::{self, Digest};

/// The registry that a name without one means.
pub const DOCKER_HUB: &str = "docker.io";
const LATEST: &str = "latest";
const MAX_REPOSITORY_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;

/// A complete name: registry, repository, and a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing, or nothing before the tag.
    #[error("image name {0:?} is empty where the repository should be")]
    Empty(String),
    /// A capital letter in the repository.
    #[error("image name {0:?} has a capital letter, repositories are lower case")]
    Uppercase(String),
    /// A character or order of separators that repositories cannot have.
    #[error("image name {text:?}: {part:?} is no part of a repository name")]
    BadRepository {
        /// What was typed.
        text: String,
        /// The part that does not fit.
        part: String,
    },
    /// The repository is longer than registries accept.
    #[error("image name is longer than {MAX_REPOSITORY_LEN} characters")]
    TooLong,
    /// The part before the first slash is no host.
    #[error("image name {text:?}: {host:?} is no registry host")]
    BadRegistry {
        /// What was typed.
        text: String,
        /// The part that does not fit.
        host: String,
    },
    /// The part after the colon is no tag.
    #[error("image name {text:?}: {tag:?} is no tag")]
    BadTag {
        /// What was typed.
        text: String,
        /// The part that does not fit.
        tag: String,
    },
    /// The part after the @ is no digest.
    #[error("image name {text:?}: {source}")]
    BadDigest {
        /// What was typed.
        text: String,
        /// Why not.
        source: digest::Error,
    },
    /// A bare image id.
    #[error("{0:?} is an image id, not a name")]
    Id(String),
}

impl Error {
    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Uppercase(text) => lower_repository(text),
            Self::BadTag { .. } => {
                "a tag is up to 128 letters, digits, _, . or -, and begins with a letter, digit or _".to_owned()
            }
            Self::BadDigest { .. } => "a digest reads sha256: and 64 digits of lower-case hexadecimal".to_owned(),
            Self::Id(_) => "images are pulled by name; rlab images lists those that are here".to_owned(),
            _ => "a name reads [HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST], for instance nginx:1.27".to_owned(),
        })
    }
}

impl Reference {
    /// The registry's name, with its port if it was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if the name has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the name has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a registry is asked for: the digest where there is one, since it decides.
    pub fn target(&self) -> String {
        self.digest.as_ref().map_or_else(|| self.tag.clone().unwrap_or_default(), ToString::to_string)
    }

    /// Registry and repository without tag or digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The whole as Docker prints it.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_repository();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }

    /// Registry and repository as Docker prints them: short where the short name means the same.
    pub fn familiar_repository(&self) -> String {
        if self.registry != DOCKER_HUB {
            return self.name();
        }
        let official = self.repository.strip_prefix("library/").filter(|rest| !rest.contains('/'));
        let short = official.unwrap_or(&self.repository);
        // `docker.io/a.b/c` is no short name's meaning: read again, `a.b` would be the registry.
        if short.split_once('/').is_some_and(|(first, _)| looks_like_host(first)) {
            return self.name();
        }
        short.to_owned()
    }

    /// The same repository, by digest alone.
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let own = || text.to_owned();
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::Id(own()));
        }
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => {
                let parsed = digest.parse().map_err(|source| Error::BadDigest { text: own(), source })?;
                (rest, Some(parsed))
            }
        };
        // A colon after the last slash begins a tag; one before it belongs to the registry's port.
        let tag_at = rest.rfind(':').filter(|colon| !rest[*colon..].contains('/'));
        let (name, tag) = tag_at.map_or((rest, None), |colon| (&rest[..colon], Some(&rest[colon + 1..])));
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(Error::BadTag { text: own(), tag: tag.to_owned() });
        }
        let (registry, repository) = split_registry(name);
        check_registry(text, &registry)?;
        check_repository(text, &repository)?;
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| LATEST.to_owned()));
        Ok(Self { registry, repository, tag, digest })
    }
}

fn looks_like_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
}

fn split_registry(name: &str) -> (String, String) {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => (first, rest),
        _ => (DOCKER_HUB, name),
    };
    match registry {
        // An alias that old tools and configs still write.
        DOCKER_HUB | "index.docker.io" if !repository.contains('/') && !repository.is_empty() => {
            (DOCKER_HUB.to_owned(), format!("library/{repository}"))
        }
        DOCKER_HUB | "index.docker.io" => (DOCKER_HUB.to_owned(), repository.to_owned()),
        other => (other.to_owned(), repository.to_owned()),
    }
}

fn check_registry(text: &str, registry: &str) -> Result<(), Error> {
    let bad = || Error::BadRegistry { text: text.to_owned(), host: registry.to_owned() };
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(bad)?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(bad());
            }
            ("", port.strip_prefix(':').or_else(|| port.is_empty().then_some("")).ok_or_else(bad)?)
        }
        None => registry.split_once(':').map_or((registry, ""), |(host, port)| (host, port)),
    };
    let label = |part: &str| {
        let alnum = |byte: u8| byte.is_ascii_alphanumeric();
        !part.is_empty()
            && part.bytes().all(|byte| alnum(byte) || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let host_is_right = registry.starts_with('[') || host.split('.').all(label);
    let port_is_right = if registry.ends_with(':') { false } else { port.is_empty() || port.parse::<u16>().is_ok() };
    if host_is_right && port_is_right { Ok(()) } else { Err(bad()) }
}

fn check_repository(text: &str, repository: &str) -> Result<(), Error> {
    if repository.is_empty() {
        return Err(Error::Empty(text.to_owned()));
    }
    if repository.len() > MAX_REPOSITORY_LEN {
        return Err(Error::TooLong);
    }
    if repository.chars().any(char::is_uppercase) {
        return Err(Error::Uppercase(text.to_owned()));
    }
    match repository.split('/').find(|part| !is_component(part)) {
        Some(part) => Err(Error::BadRepository { text: text.to_owned(), part: part.to_owned() }),
        None => Ok(()),
    }
}

/// Letters and digits, joined by one dot, one or two underscores, or any number of dashes.
fn is_component(part: &str) -> bool {
    let alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let Some((first, last)) = part.bytes().next().zip(part.bytes().last()) else {
        return false;
    };
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).filter(|run| !run.is_empty());
    let mut separators = separators.map(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'));
    alnum(first) && alnum(last) && separators.all(|is_right| is_right)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG_LEN
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn lower_repository(text: &str) -> String {
    let end = text.find('@').unwrap_or(text.len());
    let end = text[..end].rfind(':').filter(|colon| !text[*colon..end].contains('/')).unwrap_or(end);
    format!("{}{}", text[..end].to_lowercase(), &text[end..])
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Reference {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_are_completed_as_docker_does() {
        for (typed, whole, familiar) in [
            ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
            ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
            ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
            ("me/app", "docker.io/me/app:latest", "me/app:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
            ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("host:5000/a", "host:5000/a:latest", "host:5000/a:latest"),
            ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
            ("Host/a", "Host/a:latest", "Host/a:latest"),
            ("a.b/c__d/e--f.g", "a.b/c__d/e--f.g:latest", "a.b/c__d/e--f.g:latest"),
            ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"),
            ("index.docker.io/localhost/c", "docker.io/localhost/c:latest", "docker.io/localhost/c:latest"),
        ] {
            let reference: Reference = typed.parse().unwrap();
            assert_eq!(reference.to_string(), whole, "{typed}");
            assert_eq!(reference.familiar(), familiar, "{typed}");
        }
    }

    #[test]
    fn a_digest_needs_no_tag_and_decides_over_one() {
        let digest = format!("sha256:{HEX}");
        let reference: Reference = format!("host:5000/a/b@{digest}").parse().unwrap();
        assert_eq!((reference.tag(), reference.target()), (None, digest.clone()));
        let both: Reference = format!("nginx:1@{digest}").parse().unwrap();
        assert_eq!((both.tag(), both.target()), (Some("1"), digest));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err();
        assert_eq!(error(""), Error::Empty(String::new()));
        assert_eq!(error(":tag"), Error::Empty(":tag".into()));
        assert_eq!(error("NGINX"), Error::Uppercase("NGINX".into()));
        assert_eq!(error("me/App:V1").hint().unwrap(), "me/app:V1");
        assert!(matches!(error("a//b"), Error::BadRepository { part, .. } if part.is_empty()));
        assert!(matches!(error("a..b"), Error::BadRepository { .. }));
        assert!(matches!(error("a___b"), Error::BadRepository { .. }));
        assert!(matches!(error("a/../b"), Error::BadRepository { .. }));
        assert!(matches!(error("-a.b/c"), Error::BadRegistry { .. }));
        assert!(matches!(error("h:99999/c"), Error::BadRegistry { .. }));
        assert!(matches!(error("h:/c"), Error::BadRegistry { .. }));
        assert!(matches!(error("a:.b"), Error::BadTag { .. }));
        assert!(matches!(error("a@sha256:12"), Error::BadDigest { .. }));
        assert!(matches!(error(HEX), Error::Id(_)));
        assert_eq!(error(&"a".repeat(300)), Error::TooLong);
    }

    proptest! {
        #[test]
        fn whole_and_familiar_names_mean_the_same(
            name in "([a-z0-9]{1,6}(\\.[a-z]{2})?(:[0-9]{1,4})?/)?[a-z0-9]{1,8}([._/-][a-z0-9]{1,5}){0,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}"),
            with_digest in any::<bool>(),
        ) {
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = if with_digest { format!("@sha256:{HEX}") } else { String::new() };
            if let Ok(reference) = format!("{name}{tag}{digest}").parse::<Reference>() {
                prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &reference);
                prop_assert_eq!(&reference.familiar().parse::<Reference>().unwrap(), &reference);
            }
        }

        #[test]
        fn foreign_text_never_panics_and_never_leads_upwards(text in "\\PC{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert!(!reference.repository().split('/').any(|part| part == ".." || part.is_empty()));
            }
        }
    }
}

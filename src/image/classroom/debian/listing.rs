//! What `apt-get --print-uris` says: a line a package, with the digest from the signed lists.
use crate::image::digest::{Algorithm, Digest};

/// A package as apt means to fetch it.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub size_bytes: u64,
    pub uri: String,
    pub file: String,
    /// From the signed lists. A source that the host trusts unsigned has none, and then apt's word must do.
    pub digest: Option<Digest>,
}

/// A line of `--print-uris`: `'URI' FILE SIZE ALGORITHM:HASH`.
pub fn parse_uri(line: &str) -> Option<Package> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut fields = rest.split(' ');
    let (file, size, hash) = (fields.next()?, fields.next()?, fields.next().unwrap_or(""));
    // The file's name becomes part of a path.
    if file.contains('/') || file.starts_with('.') {
        return None;
    }
    let mut parts = file.strip_suffix(".deb")?.split('_');
    Some(Package {
        name: parts.next()?.to_owned(),
        version: parts.next()?.replace("%3a", ":"),
        size_bytes: size.parse().ok()?,
        uri: uri.to_owned(),
        file: file.to_owned(),
        digest: hash.split_once(':').and_then(|(algorithm, hex)| {
            let known = [Algorithm::Sha256, Algorithm::Sha512];
            let algorithm = known.into_iter().find(|known| known.name().eq_ignore_ascii_case(algorithm))?;
            format!("{}:{hex}", algorithm.name()).parse().ok()
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_uri_line_tells_name_version_and_digest() {
        let hash = "ab".repeat(32);
        let line = format!("'http://d/z/zlib1g_1.2_amd64.deb' zlib1g_1%3a1.2.13.dfsg-1_amd64.deb 86684 SHA256:{hash}");
        let package = parse_uri(&line).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("zlib1g", "1:1.2.13.dfsg-1"));
        assert_eq!((package.size_bytes, package.digest.unwrap().to_string()), (86684, format!("sha256:{hash}")));
        assert_eq!(parse_uri("'http://d/x' x_1_all.deb 1 MD5Sum:00").unwrap().digest, None);
        assert_eq!(parse_uri("'http://d/x' ../x_1_all.deb 1 MD5Sum:00"), None);
        assert_eq!(parse_uri("Reading package lists..."), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_and_no_file_is_outside(line in "'[a-z:/']{0,8}' [./a-z_%]{1,9}(_1_all.deb)? [0-9]{0,4} [a-z0-9:]{0,9}") {
            if let Some(package) = parse_uri(&line) {
                prop_assert!(!package.file.contains('/'));
            }
        }
    }
}

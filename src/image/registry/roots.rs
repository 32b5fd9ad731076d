//! Whom to believe when a registry shows its certificate.

use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use super::error::Error;

/// The host's own list of authorities, where the distributions keep it.
const HOST_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The host's own authorities and the extra one. Where the host keeps no list, Mozilla's compiled-in one serves, except
/// beside an extra one, which then stands alone.
pub fn roots(cacert: Option<&Path>) -> Result<Option<RootCerts>, Error> {
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    let host_roots = std::env::var_os("SSL_CERT_FILE").map(|file| std::fs::read(file).ok());
    let host_roots = host_roots.unwrap_or_else(|| HOST_ROOTS.iter().find_map(|path| std::fs::read(path).ok()));
    certificates.extend(host_roots.iter().flat_map(|pem| certificates_in(pem)));
    if let Some(path) = cacert {
        let problem = |problem: String| Error::CaCert { path: path.display().to_string(), problem };
        let extra = certificates_in(&std::fs::read(path).map_err(|error| problem(error.to_string()))?);
        if extra.is_empty() {
            return Err(problem("no CERTIFICATE block in it".to_owned()));
        }
        certificates.extend(extra);
    }
    Ok((!certificates.is_empty()).then(|| RootCerts::new_with_certs(&certificates)))
}

fn certificates_in(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(Result::ok);
    items.filter_map(|item| if let PemItem::Certificate(one) = item { Some(one) } else { None }).collect()
}

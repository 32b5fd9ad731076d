//! What must hold of a registry's headers and small documents. See `crate::fuzzing`.

use super::challenge::{self, Challenge};
use super::transport::authority;
use super::{Logins, auth, headers, persist};

/// A text as the value of each header that rlab reads.
pub fn headers(text: &str) {
    if let Some(Challenge::Bearer { realm, .. }) = challenge::choose([text].into_iter()) {
        // Where a host can be read out of the realm, it is a part of it and not the other way round.
        assert!(authority(&realm).is_none_or(|host| realm.contains(host)), "{realm:?}");
    }
    if let Some(host) = authority(text) {
        assert!(!host.is_empty() && !host.contains(['@', '/', ' ']), "{host:?}");
    }
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    let wait = headers::retry_after(first, Some(second));
    assert!(wait.is_none_or(|wait| std::time::Instant::now().checked_add(wait).is_some()), "{wait:?}");
    if let Some(range) = headers::content_range(text) {
        assert!(range.first.zip(range.whole_bytes).is_none_or(|(first, whole)| first < whole), "{range:?}");
    }
}

/// Bytes as each document that rlab reads besides manifests.
pub fn documents(data: &[u8]) {
    if let Ok((value, life)) = auth::read_token(data) {
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value:?} is no header");
        assert!(life <= auth::MAX_LIFE, "{life:?}");
    }
    if let Ok(logins) = serde_json::from_slice::<Logins>(data) {
        assert!(!format!("{logins:?}").contains("hunter2"), "a password is told");
    }
    let told = persist::words(data);
    assert!(told.chars().count() <= 200 && !told.chars().any(char::is_control), "{told:?}");
}

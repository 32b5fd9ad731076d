//! The image config a classroom image carries, in the words of a registry's.   Spec: OCI image, config.md.
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::layer::Packed;
use crate::image::platform::Platform;

/// What becomes of the layers when they run.
#[derive(Debug, Default)]
pub struct RunConfig<'a> {
    pub cmd: &'a [&'a str],
    pub env: Vec<String>,
    pub exposed_ports: &'a [&'a str],
    pub stop_signal: Option<&'a str>,
    pub user: &'a str,
    pub working_dir: &'a str,
    pub labels: Vec<(&'a str, String)>,
}

pub fn to_json(run: &RunConfig<'_>, layers: &[Packed]) -> Vec<u8> {
    // When it was put together is not asked: the same packages make the same image, down to its digest.
    let newest_s = layers.iter().map(|layer| layer.newest_s).max().unwrap_or(0);
    let history: Vec<Value> = layers
        .iter()
        .map(|layer| json!({ "created": rfc3339(layer.newest_s), "created_by": layer.made_by, "comment": "rlab classroom" }))
        .collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.file.diff_id.to_string()).collect();
    let platform = Platform::host();
    let config = json!({
        "created": rfc3339(newest_s),
        "architecture": platform.architecture,
        "os": platform.os,
        "config": runs(run),
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    });
    config.to_string().into_bytes()
}

/// Fields that say nothing are left out, as Docker does.
fn runs(run: &RunConfig<'_>) -> Value {
    let mut config = json!({ "Env": run.env, "Cmd": run.cmd });
    let labels: serde_json::Map<String, Value> =
        run.labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let ports: serde_json::Map<String, Value> =
        run.exposed_ports.iter().map(|port| ((*port).to_owned(), json!({}))).collect();
    for (key, value) in [("ExposedPorts", Value::Object(ports)), ("Labels", Value::Object(labels))] {
        if value.as_object().is_some_and(|map| !map.is_empty()) {
            config[key] = value;
        }
    }
    let texts = [("User", run.user), ("WorkingDir", run.working_dir), ("StopSignal", run.stop_signal.unwrap_or(""))];
    for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        config[key] = json!(value);
    }
    config
}

fn rfc3339(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reads_back_as_the_spec_says() {
        let run = RunConfig {
            cmd: &["nginx"],
            env: vec!["PATH=/bin".into()],
            exposed_ports: &["80/tcp"],
            stop_signal: Some("SIGQUIT"),
            working_dir: "/",
            labels: vec![("a", "b".into())],
            ..RunConfig::default()
        };
        let packed = Packed::sample("made by hand", 86_400);
        let json = to_json(&run, &[packed]);
        let config = oci_spec::image::ImageConfiguration::from_reader(&json[..]).unwrap();
        assert_eq!(config.created().as_deref(), Some("1970-01-02T00:00:00Z"));
        assert_eq!(config.rootfs().diff_ids().len(), 1);
        let run = config.config().as_ref().unwrap();
        assert_eq!(run.stop_signal().as_deref(), Some("SIGQUIT"));
        assert_eq!(run.exposed_ports().as_deref(), Some(&["80/tcp".to_owned()][..]));
        assert_eq!(run.user(), &None);
    }
}

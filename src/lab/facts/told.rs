//! What a trace tells, as facts: which stages, which calls, what changed, who did it.

use crate::trace::{Event, Kind, call_line};
use serde_json::{Map, Value, json};

/// The facts of one trace, from its lines. A line that is no event is passed over.
pub fn of_trace(lines: &str) -> Value {
    let events: Vec<Event> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut told = Told::default();
    for event in &events {
        told.take(event);
    }
    told.facts()
}

#[derive(Default)]
struct Told {
    entered: Vec<String>,
    skipped: Vec<String>,
    did: Vec<String>,
    failed: Option<String>,
    calls: Vec<String>,
    counts: Map<String, Value>,
    changes: Map<String, Value>,
    actors: Map<String, Value>,
    notes: Vec<String>,
    work: Map<String, Value>,
    durations: Map<String, Value>,
    exit: Option<i64>,
}

impl Told {
    fn take(&mut self, event: &Event) {
        let stage = event.stage.to_string();
        match &event.kind {
            Kind::Enter => {
                let actor = serde_json::to_value(event.actor).unwrap_or_default();
                self.actors.entry(stage.clone()).or_insert(actor);
                push_new(&mut self.entered, stage);
            }
            Kind::Leave { failed, dur_ns } => {
                if *failed && self.failed.is_none() {
                    self.failed = Some(stage.clone());
                }
                self.durations.insert(stage, json!(dur_ns / 1000));
            }
            Kind::Call { call, ret, errno, .. } => {
                let result = match (ret, errno) {
                    (_, Some(name)) => format!("-1 {name}"),
                    (Some(number), None) => number.to_string(),
                    (None, None) => "?".to_owned(),
                };
                self.calls.push(format!("{} = {result}", call_line(call)));
                // Other stages wait for helpers of their own.
                if matches!(stage.as_str(), "wait" | "stop" | "guest_wait") {
                    self.exit = exit(&call.name, call.args.get("status")).or(self.exit);
                }
                let count = self.counts.entry(stage.clone()).or_insert(json!(0));
                *count = json!(count.as_u64().unwrap_or_default() + 1);
                push_new(&mut self.did, stage);
            }
            Kind::Work { work, with } => {
                let of = self.work.entry(work.to_string()).or_insert_with(|| json!([]));
                if let Some(list) = of.as_array_mut() {
                    list.push(json!(with));
                }
                if work != "home" {
                    push_new(&mut self.did, stage);
                }
            }
            Kind::Change { object, key, before, after } => {
                let of = self.changes.entry(object.to_string()).or_insert_with(|| json!({}));
                of[key] = json!({ "before": before, "after": after });
                push_new(&mut self.did, stage);
            }
            Kind::Skip { .. } => push_new(&mut self.skipped, stage),
            Kind::Note { note, .. } => self.notes.push(note.to_string()),
        }
    }

    fn facts(mut self) -> Value {
        // A stage that gave a reason and still did something had something to do.
        self.skipped.retain(|stage| !self.did.contains(stage));
        self.entered.retain(|stage| !self.skipped.contains(stage));
        let hostname =
            self.changes.get("hostname").and_then(|names| names["host name"]["after"].as_str().map(str::to_owned));
        json!({
            "stages": self.entered,
            "skipped": self.skipped,
            "failed": self.failed,
            "calls": self.calls,
            "call_count": self.counts,
            "changes": self.changes,
            "actors": self.actors,
            "notes": self.notes,
            "work": self.work,
            "took_us": self.durations,
            "exit": self.exit,
            "hostname": hostname,
        })
    }
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// What wait4(2) said, as a shell would: the exit status, or 128 and the signal.
fn exit(call: &str, status: Option<&Value>) -> Option<i64> {
    let status = status?.as_str().filter(|_| call == "wait4")?;
    if let Some(code) = status.split("WEXITSTATUS=").nth(1) {
        return code.split(',').next()?.trim().parse().ok();
    }
    let signal = status.split("WTERMSIG=").nth(1)?.split(',').next()?;
    Some(128 + i64::from(crate::sys::signal_number(signal)?))
}

/// The number of the container whose program runs, by a trace that is still being written.
pub fn running_container(lines: &str) -> Option<i32> {
    // Most of the time neither is there yet, and then nothing needs to be parsed.
    let left = |stage: &str| lines.contains(&format!("\"stage\":\"{stage}\",\"kind\":\"leave\""));
    if !left("exec") || left("wait") {
        return None;
    }
    let events = lines.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
    let mut made = events.filter_map(|event| match event.kind {
        Kind::Call { call, ret: Some(pid), .. } if call.name == "clone3" && event.stage == "namespaces" => Some(pid),
        _ => None,
    });
    made.next_back().and_then(|pid| i32::try_from(pid).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str) -> String {
        format!("{{\"v\":1,\"seq\":1,\"t_ns\":1,\"actor\":\"parent\",\"pid\":7,{kind}}}\n")
    }

    #[test]
    fn a_trace_becomes_facts() {
        let text = [
            line(r#""stage":"namespaces","kind":"enter""#),
            line(r#""stage":"namespaces","kind":"call","call":"clone3","args":{"flags":"CLONE_NEWPID"},"ret":9,"dur_ns":1"#),
            line(r#""stage":"namespaces","kind":"change","object":"namespace","key":"pid","before":1,"after":2"#),
            line(r#""stage":"namespaces","kind":"leave","dur_ns":2000"#),
            line(r#""stage":"rlimits","kind":"enter""#),
            line(r#""stage":"rlimits","kind":"skip","reason":"none""#),
            line(r#""stage":"exec","kind":"leave","dur_ns":1"#),
        ]
        .concat();
        let facts = of_trace(&text);
        assert_eq!((&facts["stages"], &facts["skipped"]), (&json!(["namespaces"]), &json!(["rlimits"])));
        assert_eq!(facts["calls"], json!(["clone3(CLONE_NEWPID) = 9"]));
        assert_eq!(facts["changes"]["namespace"]["pid"]["after"], 2);
        assert_eq!((&facts["actors"]["namespaces"], &facts["took_us"]["namespaces"]), (&json!("parent"), &json!(2)));
        assert_eq!(running_container(&text), Some(9));
        let wait4 = |stage: &str, pid: i32, how: &str| {
            line(&format!(
                r#""stage":"{stage}","kind":"call","call":"wait4","args":{{"pid":{pid},"status":"{how}"}},"ret":{pid},"dur_ns":1"#
            ))
        };
        // A helper of the network's is not the program.
        let helped = wait4("network", 8, "WIFEXITED, WEXITSTATUS=0") + &text;
        assert_eq!((running_container(&helped), &of_trace(&helped)["exit"]), (Some(9), &Value::Null));
        let ended = helped + &wait4("wait", 9, "WIFSIGNALED, WTERMSIG=SIGKILL");
        assert_eq!(of_trace(&ended)["exit"], 137);
        assert_eq!(running_container(&(ended + &line(r#""stage":"wait","kind":"leave","dur_ns":1"#))), None);
    }

    #[test]
    fn what_is_no_trace_has_no_facts() {
        assert_eq!(of_trace("x\n{}\n")["calls"], json!([]));
        assert_eq!(exit("wait4", Some(&json!("WIFEXITED, WEXITSTATUS=3"))), Some(3));
        assert_eq!(exit("write", Some(&json!("WIFEXITED, WEXITSTATUS=3"))), None);
    }
}

//! Running what the student wrote, and looking at the kernel while it runs.
//!
//! All scripts of a lab start together, because a student waits for the answer. Each is its own process group; what it
//! started is looked at, then its innermost process is killed, and the script is left to tidy up after itself.

use super::error::{Error, file};
use super::facts;
use super::manifest::Experiment;
use super::trial::Trial;
use crate::sys;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often everything is looked at.
pub const GLANCE: Duration = Duration::from_millis(5);

/// Where scripts run.
pub struct Bench {
    /// The student's folder.
    pub folder: PathBuf,
    /// Where rlab keeps its things, if not in the usual place.
    pub root: Option<PathBuf>,
    /// What rlab keeps of the scripts while they run.
    pub scratch: PathBuf,
}

impl Bench {
    /// A bench with a scratch folder of its own, in which `rlab` is this very rlab.
    pub fn new(folder: &Path, root: Option<PathBuf>) -> Result<Bench, Error> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rlab-check-{}-{}", sys::getpid(), COUNT.fetch_add(1, Ordering::Relaxed));
        let scratch = std::env::temp_dir().join(name);
        fs::create_dir(&scratch).map_err(file(&scratch))?;
        let bench = Bench { folder: folder.to_owned(), root, scratch };
        let (own, link) = (std::env::current_exe(), bench.scratch.join("rlab"));
        own.and_then(|own| std::os::unix::fs::symlink(own, &link)).map_err(file(&link))?;
        Ok(bench)
    }

    /// A shell in the student's folder, with rlab on the PATH.
    pub fn shell(&self) -> Command {
        self.command("sh")
    }

    /// A program in the same place.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        // An ordinary login's PATH often lacks the folders where nft and ip are, and that of some distributions /bin, which
        // is all that a small root has.
        command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin:/bin", self.scratch.display()));
        command.current_dir(&self.folder).stdin(Stdio::null()).process_group(0);
        if let Some(root) = &self.root {
            command.env("RLAB_ROOT", root);
        }
        sys::end_with_us(&mut command);
        // Who checks has them blocked, to hear Ctrl-C in its own time.
        sys::with_signals_open(&mut command);
        command
    }

    /// Runs and reads all of them, and gives the facts of each.
    pub fn run(&self, experiments: &[Experiment]) -> Result<BTreeMap<String, Value>, Error> {
        let mut facts = BTreeMap::new();
        let mut trials = Vec::new();
        for experiment in experiments {
            match self.read(experiment) {
                Some(read) => {
                    facts.insert(experiment.id.clone(), read);
                }
                None => trials.push(Trial::start(experiment, self)?),
            }
        }
        while trials.iter().any(|trial| !trial.is_over()) {
            if sys::end_is_asked_for().is_some() {
                return Err(Error::Interrupted); // dropped, each trial is ended
            }
            for trial in &mut trials {
                trial.step(self);
            }
            std::thread::sleep(GLANCE);
        }
        facts.extend(trials.into_iter().map(|mut trial| (trial.id().to_owned(), trial.told())));
        Ok(facts)
    }

    /// The facts of evidence that the student made before; nothing when it is a script, which has to be run.
    fn read(&self, experiment: &Experiment) -> Option<Value> {
        let text = |name: &String| fs::read_to_string(self.folder.join(name));
        if let Some(name) = &experiment.trace {
            return Some(text(name).map_or_else(|_| absent(name), |lines| facts::of_trace(&lines)));
        }
        let name = experiment.json.as_ref()?;
        let parsed = text(name).ok().map(|text| serde_json::from_str(&text));
        Some(match parsed {
            None => absent(name),
            Some(Ok(value)) => value,
            Some(Err(error)) => json!({ "error": format!("{name}: {error}") }),
        })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.scratch);
    }
}

/// The facts of a file that is missing.
pub fn absent(name: &str) -> Value {
    json!({ "error": format!("{name} is not there") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::start_ticks;

    fn trial(script: &str, more: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.sh"), script).unwrap();
        let experiment: Experiment = toml::from_str(&format!("id = \"x\"\nscript = \"x.sh\"\n{more}")).unwrap();
        let bench = Bench::new(folder.path(), None).unwrap();
        bench.run(&[experiment]).unwrap().remove("x").unwrap()
    }

    #[test]
    fn a_script_is_run_to_its_end() {
        let facts = trial("echo out; echo err >&2; exit 3", "");
        assert_eq!((&facts["exit"], &facts["out"], &facts["err"]), (&json!(3), &json!("out"), &json!("err")));
    }

    #[test]
    fn what_is_ready_is_looked_at_and_tidies_up() {
        // Ready once the child is another program than the shell it began as.
        let script =
            "trap 'echo tidy' EXIT; sleep 60 & until grep -q sleep /proc/$!/comm; do :; done; echo ready; wait";
        let facts = trial(script, "until = \"ready\"\nsettle_ms = 50\n[look]\nname = \"cat /proc/$PID/comm\"");
        assert_eq!((&facts["comm"], &facts["look"]["name"]), (&json!("sleep"), &json!("sleep")));
        assert_eq!(facts["out"], "ready\ntidy");
    }

    #[test]
    fn one_that_hangs_is_ended_and_told() {
        let facts = trial("sleep 60", "until = \"started\"\nlimit_s = 0");
        assert_eq!(facts["error"], "x.sh started no container within 0 s");
        assert_eq!(facts["exit"], 143);
    }

    #[test]
    fn one_that_ends_too_early_is_told_and_leaves_nothing_behind() {
        let facts = trial("sleep 1000 & echo $!; echo soon >&2", "until = \"ready\"");
        assert_eq!(facts["error"], "x.sh ended before it said `ready`: it stays in the foreground");
        let left: i32 = facts["out"].as_str().unwrap().parse().unwrap();
        assert_eq!(start_ticks(left), None);
        assert!(facts["took_ms"].as_u64().unwrap() < 1000, "{facts}");
    }

    #[test]
    fn each_takes_its_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let experiment = |name: &str, script: &str| -> Experiment {
            fs::write(folder.path().join(name), script).unwrap();
            toml::from_str(&format!("id = \"{name}\"\nscript = \"{name}\"")).unwrap()
        };
        let both = [experiment("quick", "true"), experiment("slow", "sleep 1")];
        let facts = Bench::new(folder.path(), None).unwrap().run(&both).unwrap();
        assert!(facts["quick"]["took_ms"].as_u64() < Some(900) && facts["slow"]["took_ms"].as_u64() >= Some(1000));
    }

    #[test]
    fn a_look_that_hangs_is_ended() {
        let facts = trial("true", "[look]\nhangs = \"echo a; sleep 1000; echo b\"");
        assert_eq!(facts["look"]["hangs"], "a");
    }

    #[test]
    fn evidence_is_read_and_missed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t.json"), "{\"a\": 1}").unwrap();
        let read = |text: &str| {
            let experiment: Experiment = toml::from_str(text).unwrap();
            Bench::new(folder.path(), None).unwrap().run(&[experiment]).unwrap().remove("x").unwrap()
        };
        assert_eq!(read("id = \"x\"\njson = \"t.json\""), json!({ "a": 1 }));
        assert_eq!(read("id = \"x\"\ntrace = \"no\""), json!({ "error": "no is not there" }));
    }
}

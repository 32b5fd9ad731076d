//! A browser without a window: Chromium, driven through chromedriver by the WebDriver protocol.

use super::{Running, need};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing is fetched, remembered or asked for besides the page. No sandbox: root has none in Chromium, and the pages are ours.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-search-engine-choice-screen",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
];

/// What Chromium says when it drops a request because a link of the host's came or went.
pub const NETWORK_CHANGED: &str = "ERR_NETWORK_CHANGED";

/// A window of the browser. Dropped, the browser ends.
pub struct Browser {
    agent: ureq::Agent,
    session: String,
    // In this order: the driver ends before its folder goes.
    _driver: Running,
    _folder: TempDir,
}

/// Whether there is a browser, or the reason why not.
pub fn there() -> need::Need {
    need::programs(&["chromium", "chromedriver"], "apt install chromium chromium-driver")
}

impl Browser {
    /// Opens a window of this size: that of a telephone when it is narrow. The reason when none opens.
    pub fn open(width: u32, height: u32) -> Result<Browser, String> {
        let folder = tempfile::Builder::new().prefix("rlab-browser-").tempdir().unwrap();
        let driver = need::find_program("chromedriver").unwrap();
        let mut command = Command::new(driver);
        // A home of its own: what is there already is another user's.
        command.args(["--port=0", "--log-level=SEVERE"]).env("HOME", folder.path()).stdin(Stdio::null());
        for name in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            command.env(name, folder.path());
        }
        let driver = Running::start(&mut command);
        driver.wait_for_stdout("started successfully on port", PATIENCE);
        let said = driver.stdout_so_far();
        let port = said.rsplit("on port ").next().unwrap().split('.').next().unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = config.build().into();
        let data = folder.path().join("data");
        let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        args.push(format!("--user-data-dir={}", data.display()));
        args.push(format!("--window-size={width},{height}"));
        let mut options = json!({"args": args, "binary": need::find_program("chromium").unwrap()});
        if width < 600 {
            options["mobileEmulation"] =
                json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0, "touch": true}});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let answer = post(&agent, &base, &wanted)?;
        let session = format!("{base}/{}", answer["sessionId"].as_str().unwrap());
        Ok(Browser { agent, session, _driver: driver, _folder: folder })
    }

    /// Goes to a page, and waits until it is loaded. Another test's container may bring a link to the host meanwhile, and
    /// Chromium drop the page for that: it is asked for again.
    #[track_caller]
    pub fn go(&self, address: &str) {
        for _ in 0..9 {
            match post(&self.agent, &format!("{}/url", self.session), &json!({ "url": address })) {
                Err(error) if error.contains(NETWORK_CHANGED) => {}
                gone => return drop(gone.unwrap_or_else(|error| panic!("{address}: {error}"))),
            }
        }
        panic!("{address}: the host's network never stays as it is");
    }

    /// Runs the body of a function in the page; what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Runs it until it returns something that is true.
    #[track_caller]
    pub fn run_until(&self, script: &str) -> Value {
        for _ in 0..200 {
            let value = self.run(script);
            let is_nothing = value.as_f64() == Some(0.0) || value.as_str() == Some("");
            if !is_nothing && !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never true: {script}");
    }

    /// Presses keys, one after another; WebDriver's numbers stand for those without a letter.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        self.post("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// What the page wrote to the console since it was asked last: errors and warnings, a line each.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.post("se/log", &json!({"type": "browser"}));
        let is_bad = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.as_array().unwrap().iter().filter(is_bad).map(|entry| entry["message"].to_string()).collect()
    }

    /// Gives the browser a command of the DevTools protocol: a finger, a page without scripts, another scheme of colours.
    #[track_caller]
    pub fn devtools(&self, command: &str, with: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": with}))
    }

    #[track_caller]
    fn post(&self, command: &str, with: &Value) -> Value {
        post(&self.agent, &format!("{}/{command}", self.session), with)
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver would leave the browser running.
        let _gone = self.agent.delete(&self.session).call();
    }
}

fn post(agent: &ureq::Agent, address: &str, with: &Value) -> Result<Value, String> {
    let request = agent.post(address).header("content-type", "application/json");
    let mut answer = request.send(with.to_string()).map_err(|error| error.to_string())?;
    let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    match value["value"]["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", value["value"]["message"].as_str().unwrap_or_default())),
        None => Ok(value["value"].clone()),
    }
}

//! Is a lab worth its points? It can be passed, it is not passed from the start, by a mistake, or with a neighbour's work.
//!
//! For whoever writes a lab, and for the course's own tests: each lab is started, solved and spoilt in scratch folders.

use super::answers;
use super::course::{Filled, Lab};
use super::error::{Error, file};
use super::experiment::Bench;
use super::manifest::Wrong;
use super::mark::{Marked, mark};
use super::needs;
use crate::sys;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a student types besides writing files: a script of the solution.
pub const STEPS: &str = "steps.sh";
/// Two students.
const SEEDS: [&str; 2] = ["prove-a", "prove-b"];

/// One thing that was tried.
pub struct Case {
    /// What.
    pub what: String,
    /// What is wrong with the lab, if anything is.
    pub trouble: Option<String>,
    /// How long the check took.
    pub took: Duration,
}

/// What came of a lab.
pub enum Proof {
    /// It was tried.
    Tried(Vec<Case>),
    /// This host lacks what it takes, in words.
    NotHere(String),
}

impl Proof {
    /// What is wrong with the lab.
    pub fn troubles(&self) -> impl Iterator<Item = &Case> {
        let cases = match self {
            Proof::Tried(cases) => cases.as_slice(),
            Proof::NotHere(_) => &[],
        };
        cases.iter().filter(|case| case.trouble.is_some())
    }
}

/// Tries everything about one lab. `say` hears of each case when it is done.
pub fn prove(lab: &Lab, root: Option<PathBuf>, say: &mut dyn FnMut(&Case)) -> Result<Proof, Error> {
    if let Some((missing, _)) = needs::missing(&lab.manifest.needs) {
        return Ok(Proof::NotHere(missing));
    }
    let scratch = Scratch::new()?;
    let [mine, theirs] = [lab.fill(SEEDS[0])?, lab.fill(SEEDS[1])?];
    let mut prover = Prover { lab: mine, root, scratch, cases: Vec::new(), failed: BTreeSet::new(), say };
    prover.starters()?;
    prover.solution()?;
    for wrong in prover.lab.manifest.wrong.clone() {
        prover.wrong(&wrong)?;
    }
    prover.neighbour(&theirs)?;
    prover.every_check_can_fail();
    Ok(Proof::Tried(prover.cases))
}

struct Prover<'a> {
    lab: Filled,
    root: Option<PathBuf>,
    scratch: Scratch,
    cases: Vec<Case>,
    /// The checks that were seen to fail.
    failed: BTreeSet<String>,
    say: &'a mut dyn FnMut(&Case),
}

impl Prover<'_> {
    /// What the student gets must not pass: neither as it is, nor with the solution's answers.
    fn starters(&mut self) -> Result<(), Error> {
        let folder = self.scratch.folder("starter")?;
        lay_out(&self.lab, &folder)?;
        let (marked, took) = self.check(&folder)?;
        self.case("the starter fails", took, marked.full().then(|| "it passes".to_owned()));
        for (name, bytes) in self.lab.files("solution").filter(|(name, _)| *name == answers::FILE) {
            std::fs::write(folder.join(name), bytes).map_err(file(folder.join(name)))?;
        }
        let (marked, took) = self.check(&folder)?;
        let trouble = if marked.full() {
            Some("it passes".to_owned())
        } else if marked.ran {
            None
        } else {
            Some("the solution leaves predictions unmade".to_owned())
        };
        self.case("the starter with the solution's answers fails", took, trouble);
        Ok(())
    }

    fn solution(&mut self) -> Result<(), Error> {
        let folder = self.scratch.folder("solution")?;
        solve(&self.lab, &folder)?;
        let failed = self.steps(&folder)?;
        let (marked, took) = self.check(&folder)?;
        let trouble = failed.or_else(|| told(&marked));
        self.case("the solution gets full marks", took, trouble);
        // Some do what they do by hand, and what they leave must not matter the second time.
        let (marked, took) = self.check(&folder)?;
        let trouble = told(&marked);
        self.case("and again when it is checked again", took, trouble);
        Ok(())
    }

    /// A wrong answer begins as the solution, with all that was made on the way.
    fn wrong(&mut self, wrong: &Wrong) -> Result<(), Error> {
        let folder = self.scratch.folder(&format!("wrong-{}", wrong.id))?;
        let what = format!("wrong: {}", wrong.what);
        copy(&self.scratch.path.join("solution"), &folder)?;
        for edit in &wrong.edit {
            let path = folder.join(&edit.file);
            let text = std::fs::read_to_string(&path).map_err(file(&path))?;
            if !text.contains(&edit.from) {
                let trouble = format!("{} has no text `{}` to be changed", edit.file, edit.from);
                self.case(&what, Duration::ZERO, Some(trouble));
                return Ok(());
            }
            std::fs::write(&path, text.replace(&edit.from, &edit.to)).map_err(file(&path))?;
        }
        let laid_over = format!("wrong/{}", wrong.id);
        self.lab.write(&laid_over, &folder)?;
        let redo = wrong.edit.iter().any(|edit| edit.file == STEPS)
            || self.lab.files(&laid_over).any(|(name, _)| name == STEPS);
        if redo {
            let _may_fail = self.steps(&folder)?;
        }
        let (marked, took) = self.check(&folder)?;
        let trouble = not_as_meant(wrong, &marked, &self.lab);
        self.case(&what, took, trouble);
        Ok(())
    }

    fn neighbour(&mut self, theirs: &Filled) -> Result<(), Error> {
        let folder = self.scratch.folder("neighbour")?;
        solve(theirs, &folder)?;
        let failed = self.steps(&folder)?;
        let (marked, took) = self.check(&folder)?;
        let trouble = failed.or_else(|| marked.full().then(|| "it passes: no check depends on a value".to_owned()));
        self.case("another student's solution fails", took, trouble);
        Ok(())
    }

    fn every_check_can_fail(&mut self) {
        let ids = self.lab.manifest.check.iter().map(|check| check.id.clone());
        let never: Vec<String> = ids.filter(|id| !self.failed.contains(id)).collect();
        let trouble = (!never.is_empty()).then(|| format!("nothing fails {}", never.join(", ")));
        self.case("every check has failed once", Duration::ZERO, trouble);
    }

    /// What is typed. The error of a step that fails is told.
    fn steps(&self, folder: &Path) -> Result<Option<String>, Error> {
        if !folder.join(STEPS).is_file() {
            return Ok(None);
        }
        let bench = Bench::new(folder, self.root.clone())?;
        let mut shell = bench.shell();
        shell.args(["-eu", STEPS]).stdout(Stdio::null()).stderr(Stdio::piped());
        let output = shell.output().map_err(file(folder.join(STEPS)))?;
        if sys::end_is_asked_for().is_some() {
            return Err(Error::Interrupted);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let last = said.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ");
        Ok((!output.status.success()).then(|| format!("{STEPS}: {}: {last}", output.status)))
    }

    fn check(&mut self, folder: &Path) -> Result<(Marked, Duration), Error> {
        let begun = Instant::now();
        let marked = mark(&self.lab, &Bench::new(folder, self.root.clone())?)?;
        let took = begun.elapsed();
        if marked.ran {
            self.failed.extend(marked.open().map(|mark| mark.id.clone()));
        }
        Ok((marked, took))
    }

    fn case(&mut self, what: &str, took: Duration, trouble: Option<String>) {
        let case = Case { what: what.to_owned(), trouble, took };
        (self.say)(&case);
        self.cases.push(case);
    }
}

/// What is not right, in a line.
fn told(marked: &Marked) -> Option<String> {
    let open: Vec<String> =
        marked.open().map(|mark| format!("{}: {}", mark.id, mark.found.clone().unwrap_or_default())).collect();
    (!open.is_empty()).then(|| open.join("; "))
}

/// A wrong answer must fail where it is meant to, and be told what is meant for it.
fn not_as_meant(wrong: &Wrong, marked: &Marked, lab: &Filled) -> Option<String> {
    let check = lab.manifest.check.iter().find(|check| check.id == wrong.check);
    let mark = marked.marks.iter().find(|mark| mark.id == wrong.check)?;
    if mark.passed {
        return Some(format!("{} passes; open: {}", wrong.check, told(marked).unwrap_or_else(|| "nothing".to_owned())));
    }
    if mark.mistake != wrong.mistake {
        let name = |mistake: &Option<String>| mistake.clone().unwrap_or_else(|| "none".to_owned());
        let found = mark.found.clone().unwrap_or_default();
        return Some(format!("mistake {}, wanted {}; {found}", name(&mark.mistake), name(&wrong.mistake)));
    }
    let meant = match (&wrong.mistake, check) {
        (Some(id), Some(check)) => check.mistake.iter().find(|mistake| &mistake.id == id).map(|mistake| &mistake.say),
        _ => lab.manifest.hints(&wrong.check).first(),
    };
    (mark.hint.as_ref() != meant).then(|| "another hint is shown than the one that is meant".to_owned())
}

/// As a student gets it.
fn lay_out(lab: &Filled, folder: &Path) -> Result<(), Error> {
    lab.write("starter", folder)?;
    match answers::blank(&lab.manifest) {
        Some(text) => std::fs::write(folder.join(answers::FILE), text).map_err(file(folder)),
        None => Ok(()),
    }
}

fn solve(lab: &Filled, folder: &Path) -> Result<(), Error> {
    lay_out(lab, folder)?;
    lab.write("solution", folder)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    // By cp(1): trees that students make have links, devices and owners.
    let done = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().map_err(file(from))?;
    if done.success() { Ok(()) } else { Err(file(from)(std::io::Error::other(format!("cp -a: {done}")))) }
}

/// A folder that is gone afterwards.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Scratch, Error> {
        let path = std::env::temp_dir().join(format!("rlab-prove-{}", sys::getpid()));
        std::fs::create_dir(&path).map_err(file(&path))?;
        Ok(Scratch { path })
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        std::fs::create_dir(&path).map_err(file(&path))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.path);
    }
}

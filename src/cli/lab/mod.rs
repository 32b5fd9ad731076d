//! `rlab lab`: the labs of the course, which mark themselves.

mod list;
mod marks;
mod prove;
mod report;
mod watch;

use super::{Context, Failure};
use crate::lab::manifest::PREDICT;
use crate::lab::prove::STEPS;
use crate::lab::student::Student;
use crate::lab::{Course, Error, Lab, course::Filled};
use crate::sys;
use clap::{Args as ClapArgs, Subcommand};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(ClapArgs)]
pub struct Args {
    /// Where your labs are, instead of ~/rlab-labs
    #[arg(long, global = true, env = "RLAB_LABS", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Who you are; asked only in a new folder, where your user name is taken otherwise
    #[arg(long, global = true, value_name = "NAME")]
    student: Option<String>,
    /// What your values are drawn from, instead of your name
    #[arg(long, global = true, value_name = "TEXT")]
    seed: Option<String>,
    /// Read the labs from this folder instead of those compiled in
    #[arg(long, global = true, value_name = "DIR")]
    labs: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the labs, and how far you are
    List(list::Args),
    /// Lay out a lab in your folder
    Start(One),
    /// Print a lab's task
    Show(One),
    /// Give the next hint
    Hint(Hint),
    /// Run and mark what you wrote
    Check(One),
    /// Put your files aside and begin again
    Reset(One),
    /// Lay out the solution, your files put aside; the report says so
    Solve(One),
    /// Check again whenever you save a file
    Watch(One),
    /// The progress of a student or a whole class, as one file
    Report(report::Args),
    /// Show that labs can be passed, and not by mistake: for who writes one
    Prove(prove::Args),
}

#[derive(ClapArgs)]
struct One {
    /// The lab, by number or name
    #[arg(value_name = "LAB")]
    lab: String,
}

#[derive(ClapArgs)]
struct Hint {
    /// The lab, by number or name
    #[arg(value_name = "LAB")]
    lab: String,
    /// The check or prediction; without it the first that is not right
    #[arg(value_name = "CHECK")]
    check: Option<String>,
}

/// Runs one of them.
pub fn run(args: Args, context: &mut Context) -> Result<u8, Failure> {
    let course = Course::read(args.labs.as_deref())?;
    let desk = Desk { course, dir: folder(args.dir), student: args.student, seed: args.seed, root: root(context) };
    match args.command {
        Command::List(list) => list::run(&list, &desk, context),
        Command::Start(one) => start(&one, &desk, context),
        Command::Show(one) => show(&one, &desk, context),
        Command::Hint(hint) => give_hint(&hint, &desk, context),
        Command::Check(one) => check(&one.lab, &desk, context),
        Command::Reset(one) => reset(&one, &desk, context),
        Command::Solve(one) => solve(&one, &desk, context),
        Command::Watch(one) => watch::run(&one.lab, &desk, context),
        Command::Report(report) => report::run(&report, &desk, context),
        Command::Prove(prove) => prove::run(&prove, &desk, context),
    }
}

/// What every command of a lab gets.
struct Desk {
    course: Course,
    dir: PathBuf,
    student: Option<String>,
    seed: Option<String>,
    root: Option<PathBuf>,
}

impl Desk {
    fn student(&self) -> Result<Student, Error> {
        Student::open(&self.dir, self.student.as_deref(), self.seed.as_deref())
    }

    /// The lab that was typed, as the student has it.
    fn lab(&self, typed: &str) -> Result<(&Lab, Filled, Student), Error> {
        let student = self.student()?;
        let lab = self.course.lab(typed)?;
        let filled = lab.fill(&student.progress.seed)?;
        Ok((lab, filled, student))
    }
}

fn folder(typed: Option<PathBuf>) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
    let folder = typed.unwrap_or_else(|| home().join("rlab-labs"));
    std::path::absolute(&folder).unwrap_or(folder)
}

/// The scripts' own rlab keeps its things where this one does.
fn root(context: &Context) -> Option<PathBuf> {
    let home = &context.home;
    (home.run == home.root.join("run")).then(|| home.root.clone())
}

/// The time of the host's clock, for the record.
fn now() -> String {
    OffsetDateTime::now_utc().replace_nanosecond(0).ok().and_then(|now| now.format(&Rfc3339).ok()).unwrap_or_default()
}

fn start(one: &One, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let (lab, filled, mut student) = desk.lab(&one.lab)?;
    let number = lab.manifest.number;
    if let Some((missing, fix)) = marks::missing(lab) {
        return Err(Error::Lacks { number, missing, fix }.into());
    }
    let folder = student.start(&filled, &now())?;
    context.ui.result(&laid_out(&filled, &folder));
    Ok(0)
}

fn laid_out(lab: &Filled, folder: &Path) -> String {
    let number = lab.manifest.number;
    let asks = if lab.manifest.predict.is_empty() { "" } else { "; predict first, in answers.toml" };
    format!(
        "lab {number} · {} · about {} minutes\n\n{}\n  cd {}\n  read TASK.md{asks}\n  rlab lab check {number}\n",
        lab.manifest.title,
        lab.manifest.minutes,
        textwrap::fill(&lab.manifest.about, 78),
        folder.display(),
    )
}

fn show(one: &One, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let (_, filled, _) = desk.lab(&one.lab)?;
    context.ui.result(&format!("{}\n", filled.task.trim_end()));
    Ok(0)
}

fn reset(one: &One, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let (_, filled, mut student) = desk.lab(&one.lab)?;
    let aside = student.reset(&filled, &now())?;
    context.ui.status(&format!("your files are in {} now", aside.display()));
    context.ui.result(&laid_out(&filled, &student.folder(&filled)));
    Ok(0)
}

fn solve(one: &One, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let (lab, filled, mut student) = desk.lab(&one.lab)?;
    let aside = student.solve(&filled, &now())?;
    context.ui.status(&format!("your files are in {} now", aside.display()));
    let folder = student.folder(&filled);
    let typed = filled.files("solution").any(|(name, _)| name == STEPS);
    let steps = if typed { format!("  sh {STEPS}    what is typed besides\n") } else { String::new() };
    let number = lab.manifest.number;
    context.ui.result(&format!(
        "the solution of lab {number} is in\n  cd {}\n{steps}  rlab lab check {number}\n",
        folder.display()
    ));
    Ok(0)
}

/// Marks, writes it down, and shows it. 0 with full marks, 1 otherwise.
fn check(typed: &str, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    // Ctrl-C is heard by whoever runs the experiments: it ends them in order.
    let _blocked = sys::signals_by_descriptor();
    let (lab, filled, mut student) = desk.lab(typed)?;
    let folder = student.started(&filled)?;
    if let Some((missing, fix)) = marks::missing(lab) {
        return Err(Error::Lacks { number: lab.manifest.number, missing, fix }.into());
    }
    let marked = marks::mark(&filled, &folder, desk)?;
    student.marked(&filled, &marked, &now())?;
    let style = context.ui.result_style(false);
    context.ui.result(&marks::shown(&filled, &marked, &style));
    Ok(u8::from(!marked.full()))
}

/// The next rung of the ladder of what is not right.
fn give_hint(hint: &Hint, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let (lab, filled, mut student) = desk.lab(&hint.lab)?;
    student.started(&filled)?;
    let number = lab.manifest.number;
    let kept = student.progress.labs.get(&filled.folder).cloned().unwrap_or_default();
    let wanted = match (&hint.check, kept.checks, kept.open.first()) {
        (Some(typed), ..) => Some(whole_name(&filled, typed)),
        (None, 0, _) => first(&filled),
        (None, _, open) => open.cloned(),
    };
    let wanted = wanted.ok_or(Error::NoHint { number })?;
    let ladder = filled.manifest.hints(&wanted);
    let Some(last) = ladder.len().checked_sub(1) else {
        return Err(Error::NoCheck { number, typed: wanted }.into());
    };
    // What is said of a prediction tells what will be observed.
    if let Some(id) = wanted.strip_prefix(PREDICT).filter(|id| !kept.predicted.contains_key(*id)) {
        return Err(Error::PredictFirst { number, prediction: id.to_owned() }.into());
    }
    let rung = student.hinted(&filled, &wanted, &now())?.min(last);
    context.ui.result(&marks::hint(&wanted, rung, ladder.len(), &ladder[rung]));
    Ok(0)
}

/// A prediction may be typed without what stands before its name in the marks.
fn whole_name(lab: &Filled, typed: &str) -> String {
    let is_check = lab.manifest.check.iter().any(|check| check.id == typed);
    let is_prediction = lab.manifest.predict.iter().any(|predict| predict.id == typed);
    if is_prediction && !is_check { format!("{PREDICT}{typed}") } else { typed.to_owned() }
}

/// Before anything was marked, the first thing there is to do.
fn first(lab: &Filled) -> Option<String> {
    let predict = lab.manifest.predict.first().map(|predict| format!("{PREDICT}{}", predict.id));
    predict.or_else(|| lab.manifest.check.first().map(|check| check.id.clone()))
}

//! `rlab lab prove`: each lab is passed by its solution and by nothing else. For who writes labs, and for the tests.

use super::{Context, Desk, Failure};
use crate::lab::Error;
use crate::lab::prove::{Case, Proof, prove};
use crate::sys;
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
pub struct Args {
    /// Labs, by number or name; without any, all of them
    #[arg(value_name = "LAB")]
    chosen: Vec<String>,
}

/// Tries each, says what came of it, and ends with 1 where something is wrong.
pub fn run(args: &Args, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let _blocked = sys::signals_by_descriptor();
    let all = desk.course.labs().iter();
    let chosen: Result<Vec<_>, Error> = match args.chosen.as_slice() {
        [] => Ok(all.collect()),
        typed => typed.iter().map(|typed| desk.course.lab(typed)).collect(),
    };
    let (mut proven, mut wrong, mut absent) = (0, 0, 0);
    for lab in chosen? {
        context.ui.result(&format!("lab {} · {}\n", lab.manifest.number, lab.manifest.title));
        let proof = prove(lab, desk.root.clone(), &mut |case| context.ui.result(&line(case)))?;
        match &proof {
            Proof::NotHere(missing) => {
                absent += 1;
                context.ui.result(&format!("  not proven here: it needs {missing}\n"));
            }
            Proof::Tried(_) if proof.troubles().next().is_some() => wrong += 1,
            Proof::Tried(_) => proven += 1,
        }
    }
    context.ui.result(&format!("\nlabs proven: {proven}; wrong: {wrong}; not proven here: {absent}\n"));
    Ok(u8::from(wrong > 0))
}

fn line(case: &Case) -> String {
    let took = match case.took.as_millis() {
        0 => String::new(),
        millis => format!(" ({millis} ms)"),
    };
    match &case.trouble {
        None => format!("  ok     {}{took}\n", case.what),
        Some(trouble) => format!("  WRONG  {}{took}\n         {trouble}\n", case.what),
    }
}

//! `rlab vm hello`: what the guest says goes to standard output, its story to standard error.

use crate::cli::watching::{self, WatchArgs};
use crate::cli::{Context, Failure};
use crate::sys;
use crate::vm::hello;
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
#[command(
    after_help = "The machine is made by KVM's own calls, without QEMU: whoever may open /dev/kvm can run this.\n\
    A guest that does not come back is ended after 5 s, or by Ctrl-C."
)]
pub struct Args {
    #[command(flatten)]
    watching: WatchArgs,
    /// Let a call fail, to see what happens then: ioctl=EBUSY, or ioctl=ENOMEM:when=2 for the second one
    #[arg(long, value_name = "CALL=ERRNO")]
    inject: Vec<sys::InjectRule>,
}

/// Runs it.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    sys::arm_injection(&args.inject);
    let telling = args.watching.telling(context, || watching::heading("vm hello", None))?;
    // A guest's output can be as foreign as a container's; this one's program is rlab's own.
    hello::run(&mut |bytes| context.ui.result(&String::from_utf8_lossy(bytes)), telling)?;
    Ok(0)
}

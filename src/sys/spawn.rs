//! Programs that rlab runs beside the container: nft, and rlab itself as the port proxy.
//!
//! Not by std's `Command`: with which calls that makes a process is the C library's own affair, and what rlab can't see it
//! can't tell. Between the clone and the execve a child makes nothing but system calls: in a process with threads (the test
//! harness is one) any lock may have been copied locked, that of the memory allocator too.

use super::{Ended, Error, Ready, Result, errno_name, fork, inject, pipe, poll, read, reset_signals, wait, write};
use crate::trace::{self, Call};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::ffi::{CString, c_char};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A program to be run.
pub struct Program<'a> {
    /// Its file.
    pub path: &'a Path,
    /// Its arguments, beginning with its name.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<String>,
    /// Whether it goes on for as long as the container: in a process group of its own, so that Ctrl-C is not for it, in `/`,
    /// so that it holds no disk, and without a standard error, which nobody may be left to read.
    pub stays: bool,
    /// Whether the kernel kills it when this process ends, however that happens. Then its standard error has a reader.
    pub dies_with_us: bool,
    /// Descriptors of ours that it gets under their own numbers.
    pub keeps: &'a [BorrowedFd<'a>],
}

/// A program that was started.
pub struct Child {
    /// Its number.
    pub pid: i32,
    /// What is written here is its standard input.
    pub stdin: File,
    /// Its standard output.
    pub stdout: File,
    /// Its standard error, if it has one.
    pub stderr: Option<File>,
}

/// A program that has ended, with all that it said.
pub struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub ended: Ended,
}

/// Where a program is: the first folder of the PATH that has it, or of those where a system's own tools are. These are not
/// on the PATH of an ordinary login, nor always on that of a service.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let runs = |file: &PathBuf| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file();
    folders.map(|folder| folder.join(name)).find(runs)
}

/// Starts a program. It is running when this comes back: an execve that is refused is the error.
pub fn spawn(program: &Program<'_>) -> Result<Child> {
    let refused = |errno| Error::new(Call::new("pipe2"), errno as i32);
    let (input, stdin) = pipe().map_err(refused)?;
    let (stdout, output) = pipe().map_err(refused)?;
    let (failed, fail) = pipe().map_err(refused)?;
    let (stderr, errors) = if program.stays && !program.dies_with_us {
        (None, open("/dev/null", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(refused)?)
    } else {
        let (stderr, errors) = pipe().map_err(refused)?;
        (Some(stderr), errors)
    };
    let image = Image::of(program);
    let told = calls(program);
    let wanted = told.iter().find_map(|(step, call)| Some((*step, inject::wanted(&call.name)?)));
    let begun = Instant::now();
    let ours = super::getpid();
    let Some(pid) = fork()? else { image.run([&input, &output, &errors], &fail, program, ours, wanted) };
    drop((input, output, errors, fail));
    // Nothing comes when execve(2) has closed the other end; else how far it came, and the number of the error.
    let mut message = [0; 5];
    let refusal = matches!(read(&failed, &mut message), Ok(5)).then(|| {
        let [step, errno @ ..] = message;
        (step, i32::from_ne_bytes(errno))
    });
    let is_wanted = wanted.is_some_and(|(step, errno)| refusal == Some((step as u8, errno)));
    let refused = tell(told, pid, refusal, is_wanted, begun);
    if let Some(error) = refused {
        let _ended = wait(pid, true);
        return Err(error);
    }
    Ok(Child { pid, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.map(File::from) })
}

/// What a child does before it is another program, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Step {
    Death,
    Group,
    Folder,
    Streams,
    Program,
}

/// The child's calls that are told, each with its step.
fn calls(program: &Program<'_>) -> Vec<(Step, Call)> {
    let execve = super::execve_call(program.path, &program.args, &program.env);
    let mut calls = vec![(Step::Program, execve)];
    if program.stays {
        calls.insert(0, (Step::Folder, Call::new("chdir").arg("path", "/")));
        calls.insert(0, (Step::Group, Call::new("setpgid").arg("pid", 0).arg("pgid", 0)));
    }
    if program.dies_with_us {
        calls.insert(0, (Step::Death, Call::new("prctl").arg("op", "PR_SET_PDEATHSIG").arg("arg", "SIGKILL")));
    }
    calls
}

/// A child has a copy of our memory and no word in our trace: what it did until it became another program, we tell for it.
/// Gives the refusal, if there was one.
fn tell(
    calls: Vec<(Step, Call)>,
    pid: i32,
    refusal: Option<(u8, i32)>,
    injected: bool,
    begun: Instant,
) -> Option<Error> {
    let took = begun.elapsed();
    for (step, call) in calls {
        match refusal {
            // Its streams are no part of the story; the program that it did not come to stands for what was refused.
            Some((at, errno)) if at <= step as u8 => {
                let error = Error { injected, ..Error::new(call.clone(), errno) };
                if at == step as u8 {
                    trace::call_of(pid, call, Err(errno_name(errno)), injected, took);
                }
                return Some(error);
            }
            _ => trace::call_of(pid, call, Ok(0), false, took),
        }
    }
    None
}

/// What execve(2) takes, made before the clone.
struct Image {
    path: CString,
    _texts: [Vec<CString>; 2],
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
}

impl Image {
    fn of(program: &Program<'_>) -> Image {
        let text = |text: &String| CString::new(text.as_bytes()).unwrap_or_default();
        let texts = [&program.args, &program.env].map(|list| list.iter().map(text).collect::<Vec<CString>>());
        let pointers = |list: &[CString]| list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        let path = CString::new(program.path.as_os_str().as_encoded_bytes()).unwrap_or_default();
        Image { path, argv: pointers(&texts[0]), envp: pointers(&texts[1]), _texts: texts }
    }

    /// In the child. It becomes the program, or says why not and ends. At the step that is wanted to fail, it does.
    fn run(
        &self,
        streams: [&OwnedFd; 3],
        fail: &OwnedFd,
        program: &Program<'_>,
        parent: i32,
        wanted: Option<(Step, i32)>,
    ) -> ! {
        let mut step = Step::Group;
        let Err(errno) = self.try_to_run(streams, program, parent, &mut |next| {
            step = next;
            match wanted {
                Some((at, errno)) if at == next => Err(Errno::from_raw(errno)),
                _ => Ok(()),
            }
        });
        let mut message = [step as u8; 5];
        message[1..].copy_from_slice(&(errno as i32).to_ne_bytes());
        let _gone = write(fail, &message);
        super::exit_now(127)
    }

    fn try_to_run(
        &self,
        streams: [&OwnedFd; 3],
        program: &Program<'_>,
        parent: i32,
        begin: &mut dyn FnMut(Step) -> nix::Result<()>,
    ) -> nix::Result<std::convert::Infallible> {
        if program.dies_with_us {
            begin(Step::Death)?;
            // SAFETY: plain numbers.
            Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
            // A parent that died before this call is not noticed by it.
            // SAFETY: takes and gives plain numbers.
            if unsafe { libc::getppid() } != parent {
                return Err(Errno::ESRCH);
            }
        }
        if program.stays {
            begin(Step::Group)?;
            // SAFETY: plain numbers.
            Errno::result(unsafe { libc::setpgid(0, 0) })?;
            begin(Step::Folder)?;
            // SAFETY: a string that ends with NUL.
            Errno::result(unsafe { libc::chdir(c"/".as_ptr()) })?;
        }
        begin(Step::Streams)?;
        for (number, stream) in (0..).zip(streams) {
            // SAFETY: nothing in this copy of the process owns the standard descriptors.
            Errno::result(unsafe { libc::dup3(stream.as_raw_fd(), number, 0) })?;
        }
        for kept in program.keeps {
            // SAFETY: an open descriptor and plain numbers; this copy of it alone loses its close-on-exec.
            Errno::result(unsafe { libc::fcntl(kept.as_raw_fd(), libc::F_SETFD, 0) })?;
        }
        reset_signals()?;
        begin(Step::Program)?;
        // SAFETY: three strings and lists of such, each with its end, that live in this copy of the memory.
        Err(Errno::result(unsafe { libc::execve(self.path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) })
            .err()
            .unwrap_or(Errno::ENOEXEC))
    }
}

impl Child {
    /// Gives it all of its input, collects what it says and waits for its end.
    pub fn finish(self, mut input: &[u8]) -> Result<Output> {
        let mut said = [Vec::new(), Vec::new()];
        let mut streams = vec![(0, self.stdout)];
        streams.extend(self.stderr.map(|stderr| (1, stderr)));
        let mut stdin = Some(self.stdin);
        // All at once: waiting for one of them, it would be kept waiting by a full pipe of another.
        loop {
            // It reads until the end, which comes with the last writer.
            stdin = stdin.filter(|_| !input.is_empty());
            if streams.is_empty() && stdin.is_none() {
                break;
            }
            let mut wanted: Vec<_> = streams.iter().map(|(_, stream)| (stream.as_fd(), Ready::Read)).collect();
            wanted.extend(stdin.iter().map(|stdin| (stdin.as_fd(), Ready::Write)));
            let mut ready = poll(&wanted, None).unwrap_or_default().into_iter();
            streams.retain(|(which, stream)| !ready.next().unwrap_or(true) || take(stream, &mut said[*which]));
            if let Some(stdin) = &stdin
                && ready.next().unwrap_or(true)
            {
                input = give(stdin, input);
            }
        }
        let ended = wait(self.pid, true)?.map_or(Ended::Exited(127), |(_, ended)| ended);
        let [stdout, stderr] = said;
        Ok(Output { stdout, stderr, ended })
    }
}

/// Writes what a pipe with room takes without a wait: poll(2) calls one writable when a page of it is free, which takes
/// PIPE_BUF bytes, see pipe(7). Gives what is left of the input.
fn give<'a>(stream: &File, input: &'a [u8]) -> &'a [u8] {
    match write(stream, &input[..input.len().min(libc::PIPE_BUF)]) {
        Ok(length) => &input[length..],
        Err(Errno::EINTR) => input,
        // One that ends early says why on its standard error; the broken pipe says less.
        Err(_) => &[],
    }
}

/// Reads what is there. False at the end.
fn take(stream: &File, into: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 8192];
    match read(stream, &mut buffer) {
        Ok(0) => false,
        Ok(length) => {
            into.extend_from_slice(&buffer[..length]);
            true
        }
        Err(errno) => errno == Errno::EINTR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program<'a>(path: &'a str, args: &[&str]) -> Program<'a> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Program {
            path: Path::new(path),
            args,
            env: vec!["A=b".to_owned()],
            stays: false,
            dies_with_us: false,
            keeps: &[],
        }
    }

    #[test]
    fn a_program_gets_its_input_and_says_what_it_has_to_say() {
        let script = "cat; echo $A; yes error | head -c 200000 >&2; echo $0 $1; exit 3";
        let child = spawn(&program("/bin/sh", &["sh", "-c", script, "name", "argument"])).unwrap();
        let output = child.finish(b"input\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "input\nb\nname argument\n");
        assert_eq!((output.stderr.len(), output.ended), (200_000, Ended::Exited(3)));
    }

    #[test]
    fn one_that_answers_before_it_has_read_everything_is_heard() {
        let input = b"line\n".repeat(100_000);
        let said = |script: &str| {
            let output = spawn(&program("/bin/sh", &["sh", "-c", script])).unwrap().finish(&input).unwrap();
            (output.stdout.len(), output.ended)
        };
        assert_eq!(said("exec cat"), (input.len(), Ended::Exited(0)));
        assert_eq!(said("exec >&- 2>&-; test $(wc -c) = 500000").1, Ended::Exited(0));
        assert_eq!(said("read -r line; echo \"$line\"; exit 4"), (5, Ended::Exited(4)));
    }

    #[test]
    fn a_program_that_cannot_be_run_is_an_error() {
        let error = spawn(&program("/nonexistent", &["x"])).err().unwrap();
        assert_eq!((error.call.name.as_ref(), error.errno), ("execve", Errno::ENOENT as i32));
    }

    #[test]
    fn a_program_gets_the_descriptors_that_were_meant_for_it() {
        let (ours, theirs) = super::super::stream_pair().unwrap();
        let number = theirs.as_raw_fd();
        let script = format!("test -S /proc/self/fd/{number}");
        let ended = |keeps: &[BorrowedFd<'_>]| {
            let child = spawn(&Program { keeps, ..program("/bin/sh", &["sh", "-c", &script]) }).unwrap();
            child.finish(b"").unwrap().ended
        };
        assert_eq!(ended(&[theirs.as_fd()]), Ended::Exited(0));
        assert_eq!(ended(&[]), Ended::Exited(1), "what was not meant for it stays with us");
        drop(ours);
    }

    #[test]
    fn a_program_begins_with_no_signal_blocked_or_ignored() {
        // As some shells and services do to what they start, for a signal that the C library hides.
        let ignore = [1u64, 0, 0, 0];
        // SAFETY: SIG_IGN is no function of ours; nobody here waits for this signal.
        let result = unsafe { libc::syscall(libc::SYS_rt_sigaction, 40, ignore.as_ptr(), std::ptr::null::<u8>(), 8) };
        assert_eq!(result, 0);
        let child = spawn(&program("/bin/cat", &["cat", "/proc/self/status"])).unwrap();
        let text = String::from_utf8(child.finish(b"").unwrap().stdout).unwrap();
        for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
            assert!(text.contains(line), "{text}");
        }
    }
}

//! `burn`: keeps CPUs busy and says, second by second, how much CPU time it was given. With `--cpus 0.5` the answer is
//! half a second: the kernel lets the cgroup run until its quota is used, then stops it until the next period.
use std::ffi::OsString;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::At;
use super::plain::seconds;
use super::{Error, Result, text};
use crate::sys::tool::cpu_time;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (time, threads) = parse(args)?;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..threads {
        let stop = Arc::clone(&stop);
        let spin = move || {
            let mut x = 1u64;
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..10_000 {
                    x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
            }
        };
        // The process ends soon after the last report; nothing is left to be joined.
        std::thread::Builder::new().spawn(spin).at("a thread more")?;
    }
    let done = watch(time, out);
    stop.store(true, Ordering::Relaxed);
    done
}

fn watch(time: Duration, out: &mut dyn Write) -> Result<u8> {
    let (start, cpu_start) = (Instant::now(), cpu_time().at("clock_gettime")?);
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    while wall < time {
        std::thread::sleep(Duration::from_secs(1).min(time - wall));
        let (wall_now, cpu_now) = (start.elapsed(), cpu_time().at("clock_gettime")?.saturating_sub(cpu_start));
        let line = report(cpu_now.saturating_sub(cpu), wall_now.saturating_sub(wall));
        writeln!(out, "{:>4.0} s  {line}", wall_now.as_secs_f64())?;
        out.flush()?;
        (wall, cpu) = (wall_now, cpu_now);
    }
    writeln!(out, "all in all {}", report(cpu, wall).trim_start())?;
    Ok(0)
}

fn report(cpu: Duration, wall: Duration) -> String {
    let share = 100.0 * cpu.as_secs_f64() / wall.as_secs_f64().max(0.001);
    format!("{:>6.2} s of CPU in {:.2} s  {share:>4.0} % of one CPU", cpu.as_secs_f64(), wall.as_secs_f64())
}

fn parse(args: &[OsString]) -> Result<(Duration, u32)> {
    let words: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    let (time, threads) = match words[..] {
        [] => ("10", "1"),
        [time] => (time, "1"),
        ["-t", threads] => ("10", threads),
        [time, "-t", threads] | ["-t", threads, time] => (time, threads),
        _ => return Err(Error::Usage),
    };
    let count = threads.parse().ok().filter(|count| (1..=1024).contains(count));
    let count =
        count.ok_or_else(|| Error::NotA { text: threads.to_owned(), expected: "a number of threads up to 1024" })?;
    Ok((seconds(time)?, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_second_is_said_as_its_share() {
        let said = report(Duration::from_millis(500), Duration::from_secs(1));
        assert_eq!(said, "  0.50 s of CPU in 1.00 s    50 % of one CPU");
    }

    #[test]
    fn threads_may_stand_first_or_last() {
        let words = |words: &[&str]| parse(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(words(&[]).unwrap(), (Duration::from_secs(10), 1));
        assert_eq!(words(&["-t", "4", "2"]).unwrap(), words(&["2", "-t", "4"]).unwrap());
        assert!(words(&["2", "-t", "0"]).is_err() && words(&["2", "3"]).is_err());
    }
}

//! The flags of `seccomp(SECCOMP_SET_MODE_FILTER, flags, …)`, as data for whoever makes the call.

use oci_spec::runtime::LinuxSeccompFilterFlag;

/// How the filter is to be installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilterFlags {
    /// `SECCOMP_FILTER_FLAG_TSYNC`: all threads of the process at once.
    pub tsync: bool,
    /// `SECCOMP_FILTER_FLAG_LOG`: log every verdict but ALLOW.
    pub log: bool,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: keep speculative store bypass.
    pub spec_allow: bool,
    /// `SECCOMP_FILTER_FLAG_NEW_LISTENER`: return the descriptor that NOTIFY verdicts arrive on.
    pub new_listener: bool,
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`: a notified thread waits killably.
    pub wait_killable_recv: bool,
}

impl FilterFlags {
    /// The flags of a profile. A profile that does not mention flags gets SPEC_ALLOW, as from runc and crun: before
    /// Linux 5.16 the kernel slowed every filtered process down by a mitigation that processes without a filter do
    /// not get. An empty list means no flags.
    pub(super) fn of_profile(flags: Option<&[LinuxSeccompFilterFlag]>, notifies: bool) -> Self {
        let Some(flags) = flags else {
            return Self { spec_allow: true, new_listener: notifies, ..Self::default() };
        };
        Self {
            tsync: flags.contains(&LinuxSeccompFilterFlag::SeccompFilterFlagTsync),
            log: flags.contains(&LinuxSeccompFilterFlag::SeccompFilterFlagLog),
            spec_allow: flags.contains(&LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow),
            new_listener: notifies,
            // Without a listener there is nobody to wait for, and the kernel answers the flag with EINVAL.
            wait_killable_recv: notifies && flags.contains(&LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv),
        }
    }

    /// The flags by name, for the trace.
    pub fn names(self) -> Vec<&'static str> {
        self.table().into_iter().filter(|(set, ..)| *set).map(|(_, _, name)| name).collect()
    }

    /// The argument for the kernel.
    pub fn bits(self) -> u32 {
        self.table().into_iter().filter(|(set, ..)| *set).fold(0, |bits, (_, bit, _)| bits | bit)
    }

    fn table(self) -> [(bool, u32, &'static str); 6] {
        [
            (self.tsync, 1, "SECCOMP_FILTER_FLAG_TSYNC"),
            (self.log, 1 << 1, "SECCOMP_FILTER_FLAG_LOG"),
            (self.spec_allow, 1 << 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
            (self.new_listener, 1 << 3, "SECCOMP_FILTER_FLAG_NEW_LISTENER"),
            // TSYNC reports a failing thread's id and NEW_LISTENER a descriptor in the same return value: the kernel
            // wants ESRCH instead of the id.
            (self.tsync && self.new_listener, 1 << 4, "SECCOMP_FILTER_FLAG_TSYNC_ESRCH"),
            (self.wait_killable_recv, 1 << 5, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LinuxSeccompFilterFlag::{SeccompFilterFlagTsync, SeccompFilterFlagWaitKillableRecv};

    #[test]
    fn unmentioned_flags_are_not_an_empty_list() {
        assert_eq!(FilterFlags::of_profile(None, false).names(), ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]);
        assert_eq!(FilterFlags::of_profile(Some(&[]), false).bits(), 0);
    }

    #[test]
    fn flags_follow_what_the_kernel_accepts_together() {
        let asked = [SeccompFilterFlagTsync, SeccompFilterFlagWaitKillableRecv];
        assert_eq!(FilterFlags::of_profile(Some(&asked), false).names(), ["SECCOMP_FILTER_FLAG_TSYNC"]);
        let with_listener = FilterFlags::of_profile(Some(&asked), true);
        assert_eq!(
            with_listener.names(),
            [
                "SECCOMP_FILTER_FLAG_TSYNC",
                "SECCOMP_FILTER_FLAG_NEW_LISTENER",
                "SECCOMP_FILTER_FLAG_TSYNC_ESRCH",
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
            ]
        );
        assert_eq!(with_listener.bits(), 0b11_1001);
    }
}

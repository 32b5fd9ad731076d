//! Docker's profile format: rules that apply or not depending on capabilities, architecture and kernel.
//!
//! A capability that the container was given should not be taken back by the filter: with `--cap-add SYS_ADMIN`
//! `mount` must work, without it must not. Docker therefore writes the conditions into the profile and resolves them
//! for each container, into the plain profile that OCI runtimes know.
//!
//! `docker_default.json` decides as Docker's own default of 2026 does: since CVE-2026-31431 `socket` takes a list of
//! families instead of all but one, and `unshare`, the keyring and io_uring stay refused.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};
use serde::Deserialize;

use super::Error;
use super::abi::Abi;

/// A profile whose conditions are not resolved yet.
#[derive(Clone, Debug)]
pub struct DockerProfile {
    file: File,
    rules: Vec<Rule>,
}

/// The file, field by field. Fields that are not here (`comment`, Podman's `errno`) are for people.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    default_action: Option<LinuxSeccompAction>,
    default_errno_ret: Option<u32>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<ArchMapEntry>>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    listener_path: Option<PathBuf>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<FileRule>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMapEntry {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileRule {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    args: Option<Vec<LinuxSeccompArg>>,
    includes: Option<FileConditions>,
    excludes: Option<FileConditions>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileConditions {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// A rule whose fields have been checked.
#[derive(Clone, Debug)]
struct Rule {
    syscall: LinuxSyscall,
    includes: Conditions,
    excludes: Conditions,
}

#[derive(Clone, Debug, Default)]
struct Conditions {
    capabilities: Vec<String>,
    go_arches: Vec<String>,
    min_kernel: Option<(u32, u32)>,
}

static DOCKER_DEFAULT: LazyLock<DockerProfile> = LazyLock::new(|| {
    from_docker_json(include_bytes!("docker_default.json"))
        .expect("docker_default.json is compiled in and every test reads it")
});

/// Docker's default profile for a container with these capabilities (its bounding set, as `CAP_…`) on a kernel of
/// this version.
pub fn docker_default(capabilities: &BTreeSet<String>, kernel: (u32, u32)) -> LinuxSeccomp {
    DOCKER_DEFAULT.resolve(capabilities, kernel)
}

/// Reads a profile file, as for `--security-opt seccomp=FILE`. A plain OCI profile is one too: it has no conditions.
pub fn from_docker_json(bytes: &[u8]) -> Result<DockerProfile, Error> {
    let mut file: File = serde_json::from_slice(bytes)?;
    if file.default_action.is_none() {
        // Docker takes a profile with neither default action nor rules, such as `{}`, for "no filter". A mistake in a
        // file should not open the container: there is a word for that.
        return Err(Error::NoDefaultAction);
    }
    let listed = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if listed(&file.architectures) && file.arch_map.as_ref().is_some_and(|map| !map.is_empty()) {
        return Err(Error::ArchitecturesTwice);
    }
    if let Some(unknown) = file.architectures.iter().flatten().find(|name| name.parse::<Arch>().is_err()) {
        return Err(Error::UnknownArchitecture(unknown.clone()));
    }
    let rules = file.syscalls.take().unwrap_or_default().into_iter().map(Rule::try_from).collect::<Result<_, _>>()?;
    Ok(DockerProfile { file, rules })
}

impl DockerProfile {
    /// The plain OCI profile for a container with these capabilities on a kernel of this version, on this architecture.
    pub fn resolve(&self, capabilities: &BTreeSet<String>, kernel: (u32, u32)) -> LinuxSeccomp {
        self.resolve_for(Abi::native(), capabilities, kernel)
    }

    fn resolve_for(&self, native: Abi, capabilities: &BTreeSet<String>, kernel: (u32, u32)) -> LinuxSeccomp {
        let applies = |rule: &&Rule| rule.applies(native, capabilities, kernel);
        let mut profile = LinuxSeccomp::default();
        profile
            .set_default_action(self.file.default_action.unwrap_or(LinuxSeccompAction::ScmpActErrno))
            .set_default_errno_ret(self.file.default_errno_ret)
            .set_architectures(Some(self.architectures(native)))
            .set_flags(self.file.flags.clone())
            .set_listener_path(self.file.listener_path.clone())
            .set_listener_metadata(self.file.listener_metadata.clone())
            .set_syscalls(Some(self.rules.iter().filter(applies).map(|rule| rule.syscall.clone()).collect()));
        profile
    }

    /// What the file lists, or the entry of its `archMap` for the native architecture; names of architectures yet to
    /// come are left out.
    fn architectures(&self, native: Abi) -> Vec<Arch> {
        let known = |name: &String| name.parse::<Arch>().ok();
        let is_native = |entry: &&ArchMapEntry| known(&entry.architecture) == Some(native.oci_arch());
        let mapped = self.file.arch_map.iter().flatten().find(is_native);
        let of_map = mapped.into_iter().flat_map(|entry| {
            std::iter::once(&entry.architecture).chain(entry.sub_architectures.iter().flatten()).filter_map(known)
        });
        self.file.architectures.iter().flatten().filter_map(known).chain(of_map).collect()
    }
}

impl Rule {
    /// Docker's order: any exclusion that holds removes the rule, and every inclusion must hold.
    fn applies(&self, native: Abi, capabilities: &BTreeSet<String>, kernel: (u32, u32)) -> bool {
        let is_here = |arch: &String| arch == native.go_arch();
        let Conditions { capabilities: without, go_arches: not_on, min_kernel: before } = &self.excludes;
        let Conditions { capabilities: with, go_arches: on, min_kernel: since } = &self.includes;
        let excluded = without.iter().any(|name| capabilities.contains(name))
            || not_on.iter().any(is_here)
            || before.is_some_and(|version| kernel >= version);
        let included = with.iter().all(|name| capabilities.contains(name))
            && (on.is_empty() || on.iter().any(is_here))
            && since.is_none_or(|version| kernel >= version);
        included && !excluded
    }
}

impl TryFrom<FileRule> for Rule {
    type Error = Error;

    fn try_from(rule: FileRule) -> Result<Self, Error> {
        let names = match (rule.name.filter(|name| !name.is_empty()), rule.names.unwrap_or_default()) {
            (Some(name), names) if !names.is_empty() => return Err(Error::NamesTwice(name)),
            (Some(name), _) => vec![name],
            (None, names) => names,
        };
        let mut syscall = LinuxSyscall::default();
        syscall.set_names(names).set_action(rule.action).set_errno_ret(rule.errno_ret).set_args(rule.args);
        let conditions = |file: Option<FileConditions>| Conditions::try_from(file.unwrap_or_default());
        Ok(Self { syscall, includes: conditions(rule.includes)?, excludes: conditions(rule.excludes)? })
    }
}

impl TryFrom<FileConditions> for Conditions {
    type Error = Error;

    fn try_from(file: FileConditions) -> Result<Self, Error> {
        let version = |text: String| {
            let numbers =
                text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
            numbers.ok_or(Error::MinKernel(text))
        };
        Ok(Self {
            capabilities: file.caps.unwrap_or_default(),
            go_arches: file.arches.unwrap_or_default(),
            min_kernel: file.min_kernel.filter(|text| !text.is_empty()).map(version).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(capabilities: &[&str], kernel: (u32, u32)) -> BTreeSet<String> {
        let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
        let profile = DOCKER_DEFAULT.resolve_for(Abi::X86_64, &capabilities, kernel);
        let rules = profile.syscalls().clone().unwrap_or_default();
        let allow = rules.into_iter().filter(|rule| rule.action() == LinuxSeccompAction::ScmpActAllow);
        allow.flat_map(|rule| rule.names().clone()).collect()
    }

    #[test]
    fn a_capability_brings_its_syscalls() {
        assert!(!allowed(&[], (6, 1)).contains("mount"));
        assert!(allowed(&["CAP_SYS_ADMIN"], (6, 1)).contains("mount"));
        assert!(allowed(&["CAP_SYS_CHROOT"], (6, 1)).contains("chroot"));
    }

    #[test]
    fn a_capability_takes_away_what_stands_in_for_it() {
        let names_clone3 = |capabilities: &[&str]| {
            let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
            let rules = docker_default(&capabilities, (6, 1)).syscalls().clone().unwrap_or_default();
            let clone3 = rules.into_iter().filter(|rule| rule.names().iter().any(|name| name == "clone3"));
            clone3.map(|rule| rule.action()).collect::<Vec<_>>()
        };
        assert_eq!(names_clone3(&[]), [LinuxSeccompAction::ScmpActErrno]);
        assert_eq!(names_clone3(&["CAP_SYS_ADMIN"]), [LinuxSeccompAction::ScmpActAllow]);
    }

    #[test]
    fn an_older_kernel_loses_ptrace() {
        assert!(allowed(&[], (4, 8)).contains("ptrace"));
        assert!(!allowed(&[], (4, 7)).contains("ptrace"));
        assert!(allowed(&["CAP_SYS_PTRACE"], (4, 7)).contains("ptrace"));
    }

    #[test]
    fn an_architecture_brings_its_syscalls_and_sub_architectures() {
        assert!(allowed(&[], (6, 1)).contains("modify_ldt"));
        assert!(!allowed(&[], (6, 1)).contains("cacheflush"));
        let x86 = DOCKER_DEFAULT.resolve_for(Abi::X86_64, &BTreeSet::new(), (6, 1));
        let expected = vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32];
        assert_eq!(x86.architectures().as_ref(), Some(&expected));
    }

    /// The container engine's profile on this machine is of the same family: what both allow without conditions must
    /// be nearly the same.
    #[test]
    fn agrees_with_the_profile_of_this_machine() {
        let Ok(bytes) = std::fs::read("/usr/share/containers/seccomp.json") else {
            crate::skip::aloud("no /usr/share/containers/seccomp.json: apt install golang-github-containers-common");
            return;
        };
        let theirs = from_docker_json(&bytes).unwrap().resolve_for(Abi::X86_64, &BTreeSet::new(), (6, 1));
        let theirs: BTreeSet<String> =
            theirs.syscalls().iter().flatten().flat_map(|rule| rule.names().clone()).collect();
        let missing: Vec<String> = allowed(&[], (6, 1)).difference(&theirs).cloned().collect();
        assert!(missing.len() < 25, "ours alone: {missing:?}");
    }

    #[test]
    fn mistakes_in_a_file_are_told_apart() {
        let error = |json: &str| from_docker_json(json.as_bytes()).unwrap_err();
        assert!(matches!(error("{}"), Error::NoDefaultAction));
        assert!(matches!(error("[1"), Error::Json(_)));
        let rule = |fields: &str| {
            error(&format!(
                r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"action":"SCMP_ACT_ALLOW",{fields}}}]}}"#
            ))
        };
        assert!(matches!(rule(r#""name":"read","names":["write"]"#), Error::NamesTwice(_)));
        assert!(matches!(rule(r#""names":["read"],"includes":{"minKernel":"4"}"#), Error::MinKernel(_)));
        let twice = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],
            "archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}"#;
        assert!(matches!(error(twice), Error::ArchitecturesTwice));
        let unknown = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_PDP11"]}"#;
        assert!(matches!(error(unknown), Error::UnknownArchitecture(_)));
    }
}

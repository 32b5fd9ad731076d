"""What libseccomp makes of the OCI profile on stdin.

Prints the names libseccomp does not know, one line of JSON, then each instruction as "code jt jf k". The rules are added the way runc adds them.
"""
import ctypes, json, os, sys, tempfile

lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_arch_resolve_name.restype = ctypes.c_uint32


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison)]
lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]

ACTIONS = {"KILL": 0, "KILL_THREAD": 0, "KILL_PROCESS": 0x80000000, "TRAP": 0x30000, "ERRNO": 0x50000, "TRACE": 0x7FF00000,
           "LOG": 0x7FFC0000, "ALLOW": 0x7FFF0000, "NOTIFY": 0x7FC00000}
OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]


def action(name, errno):
    name = name.removeprefix("SCMP_ACT_")
    return ACTIONS[name] | ((1 if errno is None else errno) if name in ("ERRNO", "TRACE") else 0)


def check(result, what):
    if result not in (0, -17):  # -EEXIST: the same rule or architecture twice
        sys.exit(f"{what}: {os.strerror(-result)}")


profile = json.load(sys.stdin)
default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
context = lib.seccomp_init(default)
for arch in profile.get("architectures") or []:
    token = lib.seccomp_arch_resolve_name(arch.removeprefix("SCMP_ARCH_").lower().encode())
    check(lib.seccomp_arch_add(context, token), arch)
unknown = set()
for rule in profile.get("syscalls") or []:
    verdict = action(rule["action"], rule.get("errnoRet"))
    args = rule.get("args") or []
    comparisons = [Comparison(a["index"], OPERATORS.index(a["op"].removeprefix("SCMP_CMP_")) + 1, a["value"], a.get("valueTwo") or 0)
                   for a in args]
    indexes = [a["index"] for a in args]
    groups = [[c] for c in comparisons] if len(set(indexes)) < len(indexes) else [comparisons]
    for name in rule["names"]:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            unknown.add(name)
        elif verdict != default:
            for group in groups:
                check(lib.seccomp_rule_add_array(context, verdict, number, len(group), (Comparison * len(group))(*group)), name)
with tempfile.TemporaryFile() as out:
    check(lib.seccomp_export_bpf(context, out.fileno()), "export")
    out.seek(0)
    raw = out.read()
print(json.dumps(sorted(unknown)))
for at in range(0, len(raw), 8):
    print(int.from_bytes(raw[at:at + 2], "little"), raw[at + 2], raw[at + 3], int.from_bytes(raw[at + 4:at + 8], "little"))

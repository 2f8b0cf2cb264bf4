"""Isolates a process with what the kernel offers: namespaces, a small root, no privileges, limits.

Linux only, through libc by ctypes, because ``os.unshare`` needs Python 3.12 and ``os.mount`` does not exist.
It does not import ``pathlib``, which would be a tenth of the whole start.
Constants are those of linux/sched.h, linux/mount.h, linux/prctl.h and linux/capability.h.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH211

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Mapping, Sequence

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
MS_NOATIME, MS_NODIRATIME = 0x400, 0x800
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
CAPABILITY_VERSION_3 = 0x20080522
NOBODY = 65534
DEVICES = ("null", "zero", "urandom")
STAGING_FOLDERS = ("/mnt", "/media", "/srv", "/opt", "/tmp")  # noqa: S108 - a mount point, nothing is written to it

libc = ctypes.CDLL(None, use_errno=True)


def check_result(result: int, action: str) -> None:
    """Raise ``OSError`` with the name of the action if a libc call failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{action}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system, or raise ``OSError``."""
    result = libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    check_result(result, f"mount {source} on {target}")


def prctl(option: int, value: int) -> None:
    """Set one property of this process, or raise ``OSError``."""
    zero = ctypes.c_ulong(0)
    check_result(libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def write_text(path: str, text: str) -> None:
    """Write a short file."""
    with open(path, "wb") as stream:  # a codec might have to be imported, and the new root may lack it
        stream.write(text.encode())


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, so that nothing outlives a killed harness."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_from_ptrace() -> None:
    """Prevent processes without privileges from tracing this one or reading its memory, even of the same user."""
    prctl(PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose own parent ends."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def enter_namespaces() -> bool:
    """Leave the host's mounts, processes, network, IPC and host name.

    Returns:
        True if this process is root of the host or of its container and can later become any user;
        False if it made a user namespace, in which only its own user exists.

    Raises:
        OSError: The kernel or a policy (seccomp, AppArmor) refused.
    """
    kinds = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET
    if os.geteuid() == 0:
        # Without a user namespace: the limit on processes does not apply to the kernel's uid 0, and inside a
        # user namespace made by root every user is that uid.
        if libc.unshare(kinds) == 0:
            return True
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        prctl(PR_SET_DUMPABLE, 1)  # changing the user cleared it, and root would own the id maps below
    user, group = os.getuid(), os.getgid()
    check_result(libc.unshare(kinds | NEWUSER), "unshare user, mount, pid, net, ipc and uts namespaces")
    write_text("/proc/self/setgroups", "deny")
    write_text("/proc/self/uid_map", f"{user} {user} 1")
    write_text("/proc/self/gid_map", f"{group} {group} 1")
    return False


def enter_pid_namespace() -> None:
    """Put later children in a new process namespace, where only they and their own children have process ids."""
    check_result(libc.unshare(NEWPID), "unshare pid namespace")


def build_root(
    readable: Sequence[str], tmp_bytes: int, tmp_files: int, packages: Mapping[str, str] | None = None
) -> None:
    """Make a root of ``readable`` (read-only), three devices and a private /tmp, and detach the host's root.

    Args:
        readable: Absolute paths, visible inside at the same place. Paths that do not exist are skipped.
        tmp_bytes: Size of /tmp, which is in memory.
        tmp_files: Files and folders that /tmp can have.
        packages: Name in /packages, and path of the host with no symbolic link in it; read-only too.
    """
    sources = {path: os.path.realpath(path) for path in readable if os.path.lexists(path)}
    packages = packages or {}
    links = {path: os.readlink(path) for path in readable if os.path.islink(path)}
    stage = next(
        s
        for s in STAGING_FOLDERS
        if os.path.isdir(s)
        and not any(p.startswith(s + "/") for p in (*sources.values(), *packages.values()))
    )
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for name in ("host", "root"):
        os.mkdir(f"{stage}/{name}")
    check_result(libc.pivot_root(stage.encode(), f"{stage}/host".encode()), "pivot_root")
    os.chdir("/")
    mount("tmpfs", "/root", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    # Before the other mounts, because this Python itself may be below the host's /tmp.
    os.mkdir("/root/tmp")
    quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("tmpfs", "/root/tmp", "tmpfs", quiet, f"size={tmp_bytes},nr_inodes={tmp_files},mode=1777")
    for path, source in sources.items():
        if path in links and not links[path].startswith("/"):
            os.makedirs(os.path.dirname(f"/root{path}"), exist_ok=True)
            os.symlink(links[path], f"/root{path}")
        else:
            bind_read_only(source, path)
    for name, source in packages.items():
        bind_read_only(source, f"/packages/{name}")
    for name in DEVICES:
        bind_read_only(f"/dev/{name}", f"/dev/{name}")
    check_result(libc.umount2(b"/host", MNT_DETACH), "umount the host's root")
    mount("none", "/root", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    # The chroot inside the pivoted root is a second barrier: the kernel refuses user namespaces, and so a way
    # to gain privileges, to a process that is chrooted (kernel/user_namespace.c, create_user_ns).
    os.chroot("/root")
    os.chdir("/tmp")  # noqa: S108 - the private one


def bind_read_only(source: str, path: str) -> None:
    """Bind ``source`` of the host read-only at ``path`` of the new root."""
    host, here = f"/host{source}", f"/root{path}"
    if os.path.isdir(host):
        os.makedirs(here, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(here), exist_ok=True)
        write_text(here, "")
    mount(host, here, None, MS_BIND | MS_REC)
    # In a user namespace the mount's flags are locked: the kernel refuses to drop one. ST_* and MS_* have the
    # same values for these.
    locked = os.statvfs(here).f_flag & (
        MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME
    )
    mount("none", here, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | locked)


def drop_privileges(uid: int | None) -> None:
    """Become ``uid`` without groups or capabilities, irreversibly. None keeps the user and drops the rest."""
    if uid is not None:
        os.setgroups([])
        try:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError:  # a container in which few user ids exist
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check_result(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def set_limits(limits: Mapping[str, int]) -> None:
    """Set the limits of this process and its children; keys as in ``gapbench.sandbox.SandboxLimits``."""
    for kind, value in (
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def prefer_oom_kill(proc_fd: int) -> None:
    """Ask the kernel to kill this process and its children first if the machine runs out of memory.

    Args:
        proc_fd: Descriptor of /proc.
    """
    with contextlib.suppress(OSError):
        fd = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc_fd)
        try:
            os.write(fd, b"1000")
        finally:
            os.close(fd)
